// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Proc is a child process whose output goes to a file. It never outlives the
// test binary, and a failed test shows the end of its output.
type Proc struct {
	Name string
	Log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// startProc starts argv, inside ns when it is not nil, and stops it when the
// test ends.
func startProc(t testing.TB, name, dir string, ns *Netns, env []string, argv ...string) *Proc {
	t.Helper()
	if ns != nil {
		argv = ns.Wrap(argv)
	}
	p := &Proc{Name: name, Log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last lines of %s:\n%s", name, p.Tail(40))
		}
		p.Stop(syscall.SIGTERM, 5*time.Second)
	})
	return p
}

// Alive tells whether the process still runs.
func (p *Proc) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal and goes on.
func (p *Proc) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Stop sends the signal, waits, kills after the limit, and returns the exit
// code (-1 for a death by signal).
func (p *Proc) Stop(sig syscall.Signal, limit time.Duration) (int, error) {
	if p.Alive() {
		p.cmd.Process.Signal(sig)
	}
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		p.cmd.Process.Kill()
		<-p.done
		return -1, fmt.Errorf("%s did not stop within %v of %v", p.Name, limit, sig)
	}
}

// Kill ends the process the hard way and waits for its end.
func (p *Proc) Kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// Tail returns the last lines of the output.
func (p *Proc) Tail(lines int) string {
	data, _ := os.ReadFile(p.Log)
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	all = all[max(0, len(all)-lines):]
	for i, line := range all {
		all[i] = line[:min(len(line), 300)]
	}
	return string(bytes.Join(all, []byte("\n")))
}

// run executes a command to its end and returns its standard output; an error
// carries standard error.
func run(limit time.Duration, env []string, argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	timer := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		err = errors.New("timed out")
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", filepath.Base(argv[0]), err,
			out.String(), errs.String())
	}
	return out.String(), nil
}
