// SPDX-License-Identifier: BSD-3-Clause

package drive

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fairlead.test/interop/shipnode"
)

// Options are what a program around a library is called with.
type Options struct {
	Identity         *shipnode.Identity
	ID, Device       string   // SHIP ID; the interface to look around on
	Port             int      //
	Echo, Auto, Mute bool     // send payloads back; trust whoever comes; tell and log nothing
	Trusted          []string // SKIs, from the start
}

// ReadOptions reads the command line, and ends the program where that is wrong.
func ReadOptions() Options {
	var o Options
	dir := flag.String("dir", ".", "folder with cert.pem and key.pem")
	flag.IntVar(&o.Port, "port", 0, "port to listen on")
	flag.StringVar(&o.ID, "id", "Interop-1", "SHIP ID")
	flag.StringVar(&o.Device, "mdns", "", "interface to look around on; else at and gone tell")
	flag.BoolVar(&o.Echo, "echo", false, "send every payload back")
	flag.BoolVar(&o.Auto, "auto", false, "trust whoever comes")
	flag.BoolVar(&o.Mute, "quiet", false, "tell and log nothing, run until SIGTERM")
	trusted := flag.String("trusted", "", "file of SKIs to trust, one a line")
	flag.Parse()
	identity, err := shipnode.ReadIdentity(*dir)
	o.Identity = identity
	if err == nil && *trusted != "" {
		var text []byte
		text, err = os.ReadFile(*trusted)
		o.Trusted = strings.Fields(string(text))
	}
	if err != nil {
		Fail(err)
	}
	return o
}

// Fail ends the program.
func Fail(err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
	os.Exit(1)
}

// Listening waits until somebody accepts connections on the port.
func (o *Options) Listening() error {
	var err error
	for range 500 {
		var c net.Conn
		if c, err = net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port))); err == nil {
			return c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// Run drives a node to its end.
func (o *Options) Run(n Node) {
	if o.Mute {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
		for <-signals == syscall.SIGUSR1 {
			debug.FreeOSMemory()
		}
		return
	}
	Tell("ready", map[string]any{"ski": o.Identity.SKI})
	Obey(n)
}
