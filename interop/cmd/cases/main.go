// SPDX-License-Identifier: BSD-3-Clause

// Command cases runs the test binary's cases and prints one line for each, then
// the totals. A case is a test without subtests.
//
//	cases [-run regexp] [-parallel n] [-timeout duration] [-v]
//
// Exit: 0 all passed or skipped, 1 a case failed, 2 the tests did not build.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// event is one line of `go test -json`.
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

type tally struct {
	output                  map[string]*strings.Builder
	parents, blamed         map[string]bool
	passed, failed, skipped int
	verbose                 bool
	other                   strings.Builder
}

func main() {
	run := flag.String("run", "^Test", "cases to run, as for go test")
	parallel := flag.Int("parallel", 0, "cases at a time where they may run beside each other")
	timeout := flag.Duration("timeout", 30*time.Minute, "limit for the whole run")
	verbose := flag.Bool("v", false, "print what passing cases logged")
	flag.Parse()
	args := []string{"test", "-json", "-count=1", "-timeout", timeout.String(), "-run", *run}
	if *parallel > 0 {
		args = append(args, "-parallel", strconv.Itoa(*parallel))
	}
	os.Exit(execute(append(args, "."), *verbose))
}

func execute(args []string, verbose bool) int {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cases:", err)
		return 2
	}
	t := &tally{output: map[string]*strings.Builder{}, parents: map[string]bool{},
		blamed: map[string]bool{}, verbose: verbose}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		t.take(lines.Bytes())
	}
	err = cmd.Wait()
	if t.failed == 0 && err != nil {
		// No case says why: the build failed or the binary died.
		os.Stdout.WriteString(t.other.String())
		for name, text := range t.output {
			fmt.Printf("unfinished  %s\n%s", title(name), text)
		}
		t.failed++
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	if t.failed > 0 {
		return 1
	}
	return 0
}

func (t *tally) take(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		t.other.Write(line)
		t.other.WriteByte('\n')
		return
	}
	if e.Test == "" {
		if e.Action == "output" || e.Action == "build-output" {
			t.other.WriteString(e.Output)
		}
		return
	}
	switch e.Action {
	case "run":
		t.output[e.Test] = &strings.Builder{}
		mark(t.parents, e.Test)
	case "output":
		if text := t.output[e.Test]; text != nil && !chatter.MatchString(e.Output) {
			text.WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		t.finish(e)
	}
}

// chatter is what go test says of its own.
var chatter = regexp.MustCompile(`^\s*(=== |--- )`)

func (t *tally) finish(e event) {
	text := t.output[e.Test].String()
	delete(t.output, e.Test)
	parent := t.parents[e.Test]
	if parent && e.Action != "fail" {
		if t.verbose && text != "" {
			fmt.Printf("      %s\n%s", title(e.Test), text)
		}
		return
	}
	word := map[string]string{"pass": "ok", "fail": "FAIL", "skip": "skip"}[e.Action]
	fmt.Printf("%-5s %s (%.1f s)\n", word, title(e.Test), e.Elapsed)
	if e.Action != "pass" || t.verbose || strings.Contains(text, "p99") {
		fmt.Print(text)
	}
	if t.blamed[e.Test] {
		return // a subtest that failed is counted already
	}
	switch e.Action {
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		mark(t.blamed, e.Test)
	case "skip":
		t.skipped++
	}
}

// mark notes all tests above a subtest.
func mark(set map[string]bool, test string) {
	for at := strings.LastIndexByte(test, '/'); at > 0; at = strings.LastIndexByte(test[:at], '/') {
		set[test[:at]] = true
	}
}

var words = regexp.MustCompile(`([a-z])([A-Z])`)

// title turns TestControlJoinTUN/ping_both_ways into
// "control: join TUN, ping both ways", and TestConformance/LIF-1_one_node into
// "conformance: LIF-1 one node".
func title(test string) string {
	head, rest, _ := strings.Cut(strings.TrimPrefix(test, "Test"), "/")
	parts := strings.SplitN(words.ReplaceAllString(head, "$1 $2"), " ", 2)
	out := strings.ToLower(parts[0])
	if len(parts) > 1 {
		out += ": " + parts[1]
	}
	if rest != "" {
		between := ", "
		if len(parts) == 1 {
			between = ": "
		}
		out += between + strings.NewReplacer("_", " ", "/", ", ").Replace(rest)
	}
	return out
}
