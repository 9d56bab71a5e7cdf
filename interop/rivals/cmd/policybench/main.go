// SPDX-License-Identifier: BSD-3-Clause

// Command policybench drives headscale's own policy packages over a fixture
// that bench_policy wrote, and prints what they cost as one JSON line. What is
// measured and how the digests are made is written in bench/policy_engine.c;
// both programs must print the same digests for one fixture.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	policy "github.com/juanfont/headscale/hscontrol/policy/v2"
	"github.com/juanfont/headscale/hscontrol/types"
	"github.com/rs/zerolog"
	"gorm.io/gorm"
	"tailscale.com/tailcfg"
	"tailscale.com/types/views"
)

type fixtureNode struct {
	ID     uint64         `json:"id"`
	Name   string         `json:"name"`
	User   uint           `json:"user"`
	IPv4   netip.Addr     `json:"ip4"`
	IPv6   netip.Addr     `json:"ip6"`
	Tags   []string       `json:"tags"`
	Routes []netip.Prefix `json:"routes"`
}

type fixture struct {
	Users []struct {
		ID   uint   `json:"id"`
		Name string `json:"name"`
	} `json:"users"`
	Nodes []fixtureNode `json:"nodes"`
}

type world struct {
	text  []byte
	users []types.User
	nodes views.Slice[types.NodeView]
}

func view(n fixtureNode, users []types.User) types.NodeView {
	node := types.Node{
		ID: types.NodeID(n.ID), Hostname: n.Name, GivenName: n.Name,
		IPv4: &n.IPv4, IPv6: &n.IPv6, Tags: n.Tags,
		Hostinfo:       &tailcfg.Hostinfo{RoutableIPs: n.Routes},
		ApprovedRoutes: n.Routes,
	}
	if len(n.Tags) == 0 {
		node.User, node.UserID = &users[n.User-1], &users[n.User-1].ID
	}
	return node.View()
}

func load(dir string) world {
	var f fixture
	text, err := os.ReadFile(dir + "/policy.hujson")
	if err != nil {
		log.Fatal(err)
	}
	data, err := os.ReadFile(dir + "/world.json")
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		log.Fatal(err)
	}
	w := world{text: text}
	for _, u := range f.Users {
		w.users = append(w.users, types.User{Model: gorm.Model{ID: u.ID}, Name: u.Name})
	}
	var nodes []types.NodeView
	for _, n := range f.Nodes {
		nodes = append(nodes, view(n, w.users))
	}
	w.nodes = views.SliceOf(nodes)
	return w
}

// cpu gives the processor seconds of all threads, garbage collection included.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func peakBytes() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024
		}
	}
	return 0
}

func heapBytes() float64 {
	var m runtime.MemStats
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// ---- digests: sums of mixed hashes, so that no order counts ----

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func hash(parts ...string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, s := range parts {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 0x100000001b3
		}
		h = (h ^ 0xff) * 0x100000001b3
	}
	return mix(h)
}

type digest struct {
	rules, ports, grants, sources, pairs int
	filter, peers                        uint64
}

func (d *digest) rule(r tailcfg.FilterRule) uint64 {
	var sum uint64
	d.rules++
	d.ports += len(r.DstPorts)
	// A prefix that is both written beside "*" and served is said twice here.
	sources := slices.Compact(slices.Sorted(slices.Values(r.SrcIPs)))
	d.sources += len(sources)
	for _, s := range sources {
		sum += hash("src", s)
	}
	for _, p := range r.DstPorts {
		sum += hash("dst", p.IP, fmt.Sprint(p.Ports.First), fmt.Sprint(p.Ports.Last))
	}
	for _, p := range r.IPProto {
		sum += hash("proto", fmt.Sprint(p))
	}
	for _, g := range r.CapGrant {
		var grant uint64
		d.grants++
		for _, p := range g.Dsts {
			grant += hash("to", p.String())
		}
		for name, values := range g.CapMap {
			grant += hash("cap", string(name))
			for _, v := range values {
				grant += hash("value", string(name), string(v))
			}
		}
		sum += mix(grant)
	}
	return mix(sum)
}

func (d *digest) node(n types.NodeView, rules []tailcfg.FilterRule) {
	sum := mix(uint64(n.ID()))
	for _, r := range rules {
		sum += d.rule(r)
	}
	d.filter += mix(sum)
}

func (d *digest) peerMap(m map[types.NodeID][]types.NodeView) {
	for id, peers := range m {
		for _, p := range peers {
			d.pairs++
			d.peers += mix(mix(uint64(id)) + uint64(p.ID()))
		}
	}
}

// ---- the measurement ----

func compile(w world) *policy.PolicyManager {
	pm, err := policy.NewPolicyManager(w.text, w.users, w.nodes)
	if err != nil {
		log.Fatal(err)
	}
	return pm
}

// filters asks for the filter of every node.
func filters(pm *policy.PolicyManager, w world) ([][]tailcfg.FilterRule, float64) {
	all := make([][]tailcfg.FilterRule, 0, w.nodes.Len())
	began := cpu()
	for _, n := range w.nodes.All() {
		rules, err := pm.FilterForNode(n)
		if err != nil {
			log.Fatal(err)
		}
		all = append(all, rules)
	}
	return all, cpu() - began
}

type peerMap = map[types.NodeID][]types.NodeView

// among makes the peer map of every stride-th node and also tells how many there are.
func among(pm *policy.PolicyManager, w world, stride int) (m peerMap, n, took float64) {
	var some []types.NodeView
	for i := 0; i < w.nodes.Len(); i += stride {
		some = append(some, w.nodes.At(i))
	}
	began := cpu()
	m = pm.BuildPeerMap(views.SliceOf(some))
	return m, float64(len(some)), cpu() - began
}

// peers makes the peer map of all nodes. With a stride above 1 it makes two
// smaller ones instead, of nodes that have the filters of the whole, and
// reckons the whole from them: BuildPeerMap does something for each node and
// something for each pair. A share per node that comes out negative is taken as
// none, and all of the larger one's time as that of its pairs.
func peers(pm *policy.PolicyManager, w world, stride int) (peerMap, float64) {
	m, n, took := among(pm, w, stride)
	if stride <= 1 {
		return m, took
	}
	_, fewer, less := among(pm, w, 3*stride)
	pairs := func(n float64) float64 { return n * (n - 1) / 2 }
	perPair := (took - less*n/fewer) / (pairs(n) - pairs(fewer)*n/fewer)
	perNode := (less - perPair*pairs(fewer)) / fewer
	if perNode < 0 {
		perPair, perNode = took/pairs(n), 0
	}
	all := float64(w.nodes.Len())
	return m, perNode*all + perPair*pairs(all)
}

func main() {
	dir := flag.String("fixture", "", "folder with policy.hujson and world.json")
	stride := flag.Int("stride", 1, "make the peers of every so many nodes, and reckon the whole")
	least := flag.Float64("seconds", 1, "processor seconds each part is repeated for")
	flag.Parse()
	zerolog.SetGlobalLevel(zerolog.WarnLevel)
	w := load(*dir)

	compile(w) // warm
	before := heapBytes()
	began := cpu()
	pm := compile(w)
	compiling, compiles := cpu()-began, 1.0
	held := heapBytes() - before
	var d digest
	rules, filtering := filters(pm, w)
	seen, peering := peers(pm, w, *stride)
	peak := peakBytes()
	for i, n := range w.nodes.All() {
		d.node(n, rules[i])
	}
	d.peerMap(seen)
	reduces := 1.0
	for filtering+peering < *least {
		pm = compile(w) // it keeps answers, so that a second question costs nothing
		_, f := filters(pm, w)
		_, p := peers(pm, w, *stride)
		filtering, peering, reduces = filtering+f, peering+p, reduces+1
	}
	for compiling < *least {
		began = cpu()
		compile(w)
		compiling, compiles = compiling+cpu()-began, compiles+1
	}
	fmt.Printf("{\"kind\":\"policy\",\"side\":\"headscale\",\"nodes\":%d,\"stride\":%d,"+
		"\"compile_ms\":%.6g,\"compiles\":%g,\"reduce_ms\":%.6g,\"filters_ms\":%.6g,"+
		"\"peers_ms\":%.6g,\"reduces\":%g,\"held_mb\":%.4g,\"peak_mb\":%.4g,"+
		"\"filter_rules\":%d,\"filter_sources\":%d,\"filter_ports\":%d,\"filter_grants\":%d,"+
		"\"peer_pairs\":%d,\"filter_digest\":\"%016x\",\"peers_digest\":\"%016x\"}\n",
		w.nodes.Len(), *stride, compiling/compiles*1e3, compiles,
		(filtering+peering)/reduces*1e3, filtering/reduces*1e3, peering/reduces*1e3, reduces,
		held/1e6, peak/1e6, d.rules, d.sources, d.ports, d.grants, d.pairs, d.filter, d.peers)
}
