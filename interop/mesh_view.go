// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
	"tailscale.com/tailcfg"
)

// A view is what one node of a world may see, in words that depend on no address: peers
// as "name routes | primary routes", rules as "sources -> destinations:ports".
type view struct{ peers, rules []string }

// compare gives the differences as text, "" for none.
func (v view) compare(want view) string {
	return strings.Join(append(missing("peer", v.peers, want.peers),
		missing("rule", v.rules, want.rules)...), "\n")
}

// missing compares two lists in which order does not count.
func missing(what string, got, want []string) (out []string) {
	rest := slices.Clone(got)
	for _, line := range want {
		if at := slices.Index(rest, line); at >= 0 {
			rest = slices.Delete(rest, at, at+1)
		} else {
			out = append(out, fmt.Sprintf("  no %s %q", what, line))
		}
	}
	for _, line := range rest {
		out = append(out, fmt.Sprintf("  %s %q in excess", what, line))
	}
	return out
}

// peerLine describes a peer; order does not count in routes.
func peerLine(name string, routes, primary []netip.Prefix) string {
	line := strings.Join(append([]string{name}, prefixTexts(routes)...), " ")
	if len(primary) > 0 {
		line += " | " + strings.Join(prefixTexts(primary), " ")
	}
	return line
}

func prefixTexts(list []netip.Prefix) (out []string) {
	for _, p := range list {
		out = append(out, p.String())
	}
	slices.Sort(out)
	return out
}

// names are the nodes of a world with their addresses.
type names map[string][]netip.Addr

// addressSet reads the forms that addresses have in rules. A star is told apart.
func addressSet(texts []string) (s *netipx.IPSet, star bool, err error) {
	var b netipx.IPSetBuilder
	for _, text := range texts {
		if text == "*" {
			star = true
		} else if err := add(&b, text); err != nil {
			return nil, false, err
		}
	}
	s, err = b.IPSet()
	return s, star, err
}

func add(b *netipx.IPSetBuilder, text string) error {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		b.AddPrefix(p)
		return err
	}
	if strings.Contains(text, "-") {
		r, err := netipx.ParseIPRange(text)
		b.AddRange(r)
		return err
	}
	a, err := netip.ParseAddr(text)
	b.Add(a)
	return err
}

// internet is the address set of autogroup:internet, docs/policy.md appendix B.
var internet = func() *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, text := range []string{"0.0.0.0/0", "2000::/3"} {
		b.AddPrefix(netip.MustParsePrefix(text))
	}
	for _, text := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"169.254.0.0/16", "100.64.0.0/10"} {
		b.RemovePrefix(netip.MustParsePrefix(text))
	}
	s, err := b.IPSet()
	if err != nil {
		panic(err)
	}
	return s
}()

// describe names what a set of addresses consists of: nodes, the internet, the rest.
func (n names) describe(texts []string) (string, error) {
	s, star, err := addressSet(texts)
	if err != nil {
		return "", err
	}
	var out []string
	if star {
		out = append(out, "*")
	}
	var rest netipx.IPSetBuilder
	rest.AddSet(s)
	for name, addrs := range n {
		out = append(out, owned(s, &rest, name, addrs)...)
	}
	if containsSet(s, internet) {
		out = append(out, "internet")
		rest.RemoveSet(internet)
	}
	left, err := rest.IPSet()
	if err != nil {
		return "", err
	}
	out = append(out, prefixTexts(left.Prefixes())...)
	slices.Sort(out)
	return strings.Join(out, " "), nil
}

// owned names a node of which all addresses are in the set, or those that are.
func owned(s *netipx.IPSet, rest *netipx.IPSetBuilder, name string, addrs []netip.Addr) []string {
	var found []string
	for _, a := range addrs {
		if s.Contains(a) {
			rest.Remove(a)
			found = append(found, fmt.Sprintf("%s(%s)", name, family(a)))
		}
	}
	if len(found) == len(addrs) {
		return []string{name}
	}
	return found
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "v4"
	}
	return "v6"
}

func containsSet(s, part *netipx.IPSet) bool {
	for _, r := range part.Ranges() {
		if !s.ContainsRange(r) {
			return false
		}
	}
	return true
}

// ruleLine describes one rule of a filter.
func (n names) ruleLine(r tailcfg.FilterRule) (string, error) {
	if len(r.CapGrant) > 0 {
		return "", errors.New("a rule with capabilities")
	}
	byPorts := map[string][]string{}
	for _, d := range r.DstPorts {
		ports := fmt.Sprintf("%d-%d", d.Ports.First, d.Ports.Last)
		if d.Ports == tailcfg.PortRangeAny {
			ports = "*"
		}
		byPorts[ports] = append(byPorts[ports], d.IP)
	}
	src, err := n.describe(r.SrcIPs)
	var dsts []string
	for ports, ips := range byPorts {
		text, e := n.describe(ips)
		err = errors.Join(err, e)
		dsts = append(dsts, text+":"+ports)
	}
	slices.Sort(dsts)
	line := src + " -> " + strings.Join(dsts, " ")
	if len(r.IPProto) > 0 {
		line += fmt.Sprint(" proto ", r.IPProto)
	}
	return line, err
}
