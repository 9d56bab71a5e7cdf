// SPDX-License-Identifier: BSD-3-Clause

package drive

import (
	"net"
	"sync"
)

// Place is where a peer is.
type Place struct {
	SKI, Host, Path string // Host only if it is a name
	Addresses       []net.IP
	Port            int
}

// Places stand in for what multicast DNS would find.
type Places struct {
	mux  sync.Mutex
	list map[string]Place
}

// Put says where a peer is.
func (p *Places) Put(ski, host string, port int, path string) {
	place := Place{SKI: ski, Port: port, Path: path}
	if ip := net.ParseIP(host); ip != nil {
		place.Addresses = []net.IP{ip}
	} else {
		place.Host = host
	}
	p.mux.Lock()
	defer p.mux.Unlock()
	if p.list == nil {
		p.list = map[string]Place{}
	}
	p.list[ski] = place
}

// Remove takes that back.
func (p *Places) Remove(ski string) {
	p.mux.Lock()
	defer p.mux.Unlock()
	delete(p.list, ski)
}

// All gives copies of all places.
func (p *Places) All() (all []Place) {
	p.mux.Lock()
	defer p.mux.Unlock()
	for _, place := range p.list {
		place.Addresses = append([]net.IP(nil), place.Addresses...)
		all = append(all, place)
	}
	return all
}
