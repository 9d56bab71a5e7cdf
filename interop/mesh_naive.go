// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// naive is a world of tagged nodes whose views are written out by hand.
type naive struct {
	nodes  []worldNode
	grants []string
	mesh   bool // one more grant connects all nodes
	probed bool // as of a world
	// Of each node: its peers that are not just members of the mesh, as "name route ...",
	// and its rules beside that of the mesh.
	sees, lets map[string][]string
}

func client(name, tag string) worldNode { return worldNode{name: name, tags: []string{tag}} }

// router is a node whose announced routes are approved; several tags are parted by spaces.
func router(name, tags string, routes ...string) worldNode {
	return worldNode{name: name, tags: strings.Fields(tags), routes: routes, approved: routes}
}

func grant(src, dst string) string {
	return fmt.Sprintf(`{"src":[%q],"dst":[%q],"ip":["*"]}`, src, dst)
}

func grantVia(src, dst, via string) string {
	return fmt.Sprintf(`{"src":[%q],"dst":[%q],"ip":["*"],"via":[%q]}`, src, dst, via)
}

func (n naive) world() world {
	w := world{policy: n.policy(), nodes: n.nodes, probed: n.probed, want: map[string]view{}}
	for _, node := range n.nodes {
		w.want[node.name] = n.view(node.name)
	}
	return w
}

func (n naive) policy() string {
	tags := map[string]bool{}
	for _, node := range n.nodes {
		for _, tag := range node.tags {
			tags[tag] = true
		}
	}
	var quoted, owners []string
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		quoted = append(quoted, fmt.Sprintf("%q", tag))
		owners = append(owners, fmt.Sprintf("%q:[]", tag))
	}
	grants := n.grants
	if n.mesh {
		all := strings.Join(quoted, ",")
		grants = append(slices.Clone(grants),
			fmt.Sprintf(`{"src":[%s],"dst":[%s],"ip":["*"]}`, all, all))
	}
	return fmt.Sprintf(`{"tagOwners":{%s},"grants":[%s]}`, strings.Join(owners, ","),
		strings.Join(grants, ","))
}

func (n naive) view(name string) (v view) {
	named := map[string]bool{name: true}
	for _, text := range n.sees[name] {
		peer, line := seen(text)
		named[peer] = true
		v.peers = append(v.peers, line)
	}
	v.rules = slices.Clone(n.lets[name])
	if !n.mesh {
		return v
	}
	var all []string
	for _, node := range n.nodes {
		all = append(all, node.name)
		if !named[node.name] {
			v.peers = append(v.peers, node.name)
		}
	}
	slices.Sort(all)
	v.rules = append(v.rules, fmt.Sprintf("%s -> %s:*", strings.Join(all, " "), name))
	return v
}

// seen reads "name route ..."; exit routes are nobody's primary routes.
func seen(text string) (name, line string) {
	words := strings.Fields(text)
	routes := prefixes(words[1:]...)
	primary := slices.DeleteFunc(slices.Clone(routes), func(p netip.Prefix) bool {
		return p.Bits() == 0
	})
	return words[0], peerLine(words[0], routes, primary)
}
