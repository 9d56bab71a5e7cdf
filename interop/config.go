// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tailscale.com/tailcfg"
)

// Config is a server configuration by dotted key, as in "dns.base_domain".
// Values are strings, booleans, integers and lists of strings.
type Config map[string]any

// YAML writes the configuration in block style.
func (c Config) YAML() string {
	tree := map[string]any{}
	for key, value := range c {
		at := tree
		parts := strings.Split(key, ".")
		for _, part := range parts[:len(parts)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = value
	}
	var out strings.Builder
	writeYAML(&out, tree, "")
	return out.String()
}

func writeYAML(out *strings.Builder, tree map[string]any, indent string) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		switch value := tree[key].(type) {
		case map[string]any:
			fmt.Fprintf(out, "%s%s:\n", indent, key)
			writeYAML(out, value, indent+"  ")
		case []string:
			if len(value) == 0 {
				fmt.Fprintf(out, "%s%s: []\n", indent, key)
				continue
			}
			fmt.Fprintf(out, "%s%s:\n", indent, key)
			for _, item := range value {
				fmt.Fprintf(out, "%s  - %s\n", indent, strconv.Quote(item))
			}
		case string:
			fmt.Fprintf(out, "%s%s: %s\n", indent, key, strconv.Quote(value))
		default:
			fmt.Fprintf(out, "%s%s: %v\n", indent, key, value)
		}
	}
}

// regionYAML writes one relay region in the form of a derp.paths file.
func regionYAML(region *tailcfg.DERPRegion) string {
	var out strings.Builder
	fmt.Fprintf(&out, "regions:\n  %d:\n    regionid: %d\n    regioncode: %q\n"+
		"    regionname: %q\n    nodes:\n", region.RegionID, region.RegionID,
		region.RegionCode, region.RegionName)
	for _, node := range region.Nodes {
		fmt.Fprintf(&out, "      - name: %q\n        regionid: %d\n        hostname: %q\n"+
			"        ipv4: %q\n        stunport: %d\n        derpport: %d\n", node.Name,
			node.RegionID, node.HostName, node.IPv4, node.STUNPort, node.DERPPort)
		if node.CertName != "" {
			fmt.Fprintf(&out, "        certname: %q\n", node.CertName)
		}
	}
	return out.String()
}
