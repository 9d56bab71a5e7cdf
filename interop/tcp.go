// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tcpEnd is one end of a TCP connection on this host, as the kernel knows it.
type tcpEnd struct {
	Here, There netip.AddrPort
	inode       string
}

// tcpLink is a connection of which both ends are on this host.
type tcpLink struct{ Server, Client tcpEnd }

func (l tcpLink) String() string { return fmt.Sprintf("%v-%v", l.Client.Here, l.Server.Here) }

// linksTo gives the connections that were accepted on any of these ports and are established.
func linksTo(ports ...int) (links []tcpLink) {
	ends := establishedEnds()
	for _, server := range ends {
		if !slices.Contains(ports, int(server.Here.Port())) {
			continue
		}
		l := tcpLink{Server: server}
		for _, client := range ends {
			if client.Here == server.There && client.There == server.Here {
				l.Client = client
			}
		}
		links = append(links, l)
	}
	return links
}

func establishedEnds() (ends []tcpEnd) {
	const established = "01"
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table)
		for _, line := range strings.Split(string(text), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != established {
				continue
			}
			here, err := kernelAddr(f[1])
			there, err2 := kernelAddr(f[2])
			if errors.Join(err, err2) == nil {
				ends = append(ends, tcpEnd{here, there, f[9]})
			}
		}
	}
	return ends
}

// kernelAddr reads "0100007F:1268": words of the address in the order of this machine. An IPv4
// address is that, however the socket has it.
func kernelAddr(text string) (at netip.AddrPort, err error) {
	host, number, _ := strings.Cut(text, ":")
	port, err := strconv.ParseUint(number, 16, 16)
	raw, err2 := hex.DecodeString(host)
	if err = errors.Join(err, err2); err != nil {
		return at, err
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return at, fmt.Errorf("no address: %s", text)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// isOf tells whether a process has that end open.
func (e tcpEnd) isOf(pid int) bool {
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return slices.ContainsFunc(fds, func(fd string) bool {
		to, err := os.Readlink(fd)
		return err == nil && to == "socket:["+e.inode+"]"
	})
}
