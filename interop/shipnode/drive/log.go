// SPDX-License-Identifier: BSD-3-Clause

package drive

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"
)

// Log takes what a library logs, in the form that ship-go asks for. It writes that to standard
// error, and hears two things that ship-go tells in no other way: that it dials, and that a payload
// was not sent.
type Log struct {
	mux    sync.Mutex
	failed map[string]error
}

const longest = 300 // bytes of a line

func (l *Log) write(level, text string) {
	text = strings.TrimSuffix(text, "\n")
	if len(text) > longest {
		text = text[:longest] + " ..."
	}
	fmt.Fprintf(os.Stderr, "%s %s %s\n", time.Now().Format("05.000000"), level, text)
}

// hear takes the error out of what is said of a payload that was not sent.
func (l *Log) hear(args []any) {
	if len(args) < 3 || !strings.HasPrefix(fmt.Sprint(args[1]), "Error sending spine message") {
		return
	}
	if err, ok := args[2].(error); ok {
		l.mux.Lock()
		defer l.mux.Unlock()
		if l.failed == nil {
			l.failed = map[string]error{}
		}
		l.failed[fmt.Sprint(args[0])] = err
	}
}

// unsent is why the last payload for a peer was not sent, once.
func (l *Log) unsent(ski string) error {
	l.mux.Lock()
	defer l.mux.Unlock()
	err := l.failed[ski]
	delete(l.failed, ski)
	return err
}

func (l *Log) hearFormat(format string, args []any) {
	if strings.HasPrefix(format, "initiating connection to") && len(args) > 0 {
		Tell("dial", map[string]any{"ski": args[0]})
		// Whom a test tells to dial as well, at this word, shall be the first as often.
		time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
	}
}

func (l *Log) Trace(args ...any) { l.write("trace", fmt.Sprintln(args...)) }
func (l *Log) Info(args ...any)  { l.write("info", fmt.Sprintln(args...)) }
func (l *Log) Error(args ...any) { l.write("error", fmt.Sprintln(args...)) }

func (l *Log) Debug(args ...any) {
	l.hear(args)
	l.write("debug", fmt.Sprintln(args...))
}

func (l *Log) Tracef(format string, args ...any) { l.write("trace", fmt.Sprintf(format, args...)) }
func (l *Log) Infof(format string, args ...any)  { l.write("info", fmt.Sprintf(format, args...)) }
func (l *Log) Errorf(format string, args ...any) { l.write("error", fmt.Sprintf(format, args...)) }

func (l *Log) Debugf(format string, args ...any) {
	l.hearFormat(format, args)
	l.write("debug", fmt.Sprintf(format, args...))
}
