// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A datagram flow that keeps loss: one end of a UDP connection.
type datagrams interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	SetReadDeadline(time.Time) error
}

var (
	_ datagrams = net.Conn(nil)
	_ datagrams = (*answerer)(nil)
)

// Frames on the flow: kind, stream, two spare bytes, then a sequence number.
// Data carries up to chunkSize bytes; an acknowledgement names the first chunk
// still missing and a bitmap of those that arrived after it.
const (
	chunkSize  = 1100
	windowSize = 1024
	frameHead  = 8
	kindData   = 'D'
	kindAck    = 'A'
	retryAfter = 100 * time.Millisecond
)

// BlastStats tells how a blast went.
type BlastStats struct {
	Chunks, Repeats int
	Took            time.Duration
}

func (s BlastStats) String() string {
	return fmt.Sprintf("%d chunks, %d repeated, %v", s.Chunks, s.Repeats,
		s.Took.Round(time.Millisecond))
}

// blast sends n bytes of in from one end to the other, repeating what is lost,
// and writes them in order to out.
func blast(stream byte, from, to datagrams, in io.Reader, n int64, out io.Writer,
	limit time.Duration) (BlastStats, error) {
	began := time.Now()
	deadline := began.Add(limit)
	total := uint32((n + chunkSize - 1) / chunkSize)
	sender := &blastSender{stream: stream, conn: from, in: in, left: n, total: total,
		chunks: map[uint32]*chunk{}, window: 64}
	stop := make(chan struct{})
	received := make(chan error, 1)
	go func() {
		receiver := &blastReceiver{stream: stream, conn: to, out: out, total: total,
			ahead: map[uint32][]byte{}}
		received <- receiver.run(deadline, stop)
	}()
	err := sender.run(deadline)
	close(stop)
	if problem := <-received; err == nil {
		err = problem
	}
	return BlastStats{int(total), sender.repeats, time.Since(began)}, err
}

type chunk struct {
	frame []byte
	sent  time.Time
	tries int
}

type blastSender struct {
	stream       byte
	conn         datagrams
	in           io.Reader
	left         int64
	total        uint32
	base, next   uint32
	chunks       map[uint32]*chunk
	window       float64
	lastDecrease time.Time
	repeats      int
}

func (s *blastSender) run(deadline time.Time) error {
	ack := make([]byte, 2048)
	for s.base < s.total {
		if time.Now().After(deadline) {
			return fmt.Errorf("stuck at chunk %d of %d", s.base, s.total)
		}
		if err := s.fill(); err != nil {
			return err
		}
		s.conn.SetReadDeadline(time.Now().Add(retryAfter / 4))
		n, err := s.conn.Read(ack)
		if err == nil {
			s.acknowledge(ack[:n])
		} else if !errors.Is(err, os.ErrDeadlineExceeded) && !refused(err) {
			return err
		}
		if err := s.repeatOld(); err != nil {
			return err
		}
	}
	return nil
}

// fill sends new chunks as far as the window allows.
func (s *blastSender) fill() error {
	for s.next < s.total && len(s.chunks) < int(s.window) && s.next < s.base+windowSize {
		size := min(s.left, chunkSize)
		frame := make([]byte, frameHead+size)
		frame[0], frame[1] = kindData, s.stream
		binary.BigEndian.PutUint32(frame[4:], s.next)
		if _, err := io.ReadFull(s.in, frame[frameHead:]); err != nil {
			return err
		}
		s.left -= size
		c := &chunk{frame: frame}
		s.chunks[s.next] = c
		s.next++
		if err := s.send(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *blastSender) send(c *chunk) error {
	c.sent = time.Now()
	c.tries++
	if c.tries > 1 {
		s.repeats++
	}
	if _, err := s.conn.Write(c.frame); err != nil && !refused(err) {
		return err
	}
	return nil
}

// acknowledge drops what arrived and repeats what later chunks have overtaken.
func (s *blastSender) acknowledge(frame []byte) {
	if len(frame) < frameHead || frame[0] != kindAck || frame[1] != s.stream {
		return
	}
	missing := binary.BigEndian.Uint32(frame[4:])
	before := len(s.chunks)
	for ; s.base < missing && s.base < s.next; s.base++ {
		delete(s.chunks, s.base)
	}
	newest := missing
	for i, bits := range frame[frameHead:] {
		for bit := range 8 {
			if bits&(1<<bit) != 0 {
				newest = missing + uint32(8*i+bit)
				delete(s.chunks, newest)
			}
		}
	}
	s.window = min(windowSize, s.window+float64(before-len(s.chunks))/s.window*2)
	for seq := s.base; seq+8 < newest; seq++ {
		if c := s.chunks[seq]; c != nil && c.tries == 1 && time.Since(c.sent) > time.Millisecond {
			s.shrink()
			s.send(c)
		}
	}
}

// repeatOld repeats what stayed unanswered too long.
func (s *blastSender) repeatOld() error {
	for _, c := range s.chunks {
		wait := retryAfter * time.Duration(min(c.tries, 8))
		if time.Since(c.sent) < wait {
			continue
		}
		s.shrink()
		if err := s.send(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *blastSender) shrink() {
	if time.Since(s.lastDecrease) > 20*time.Millisecond {
		s.window = max(16, s.window*0.7)
		s.lastDecrease = time.Now()
	}
}

type blastReceiver struct {
	stream byte
	conn   datagrams
	out    io.Writer
	total  uint32
	next   uint32
	ahead  map[uint32][]byte
	fresh  int
}

func (r *blastReceiver) run(deadline time.Time, stop <-chan struct{}) error {
	frame := make([]byte, 2048)
	for {
		select {
		case <-stop:
			if r.next < r.total {
				return fmt.Errorf("ended at chunk %d of %d", r.next, r.total)
			}
			return nil
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("missing chunk %d of %d", r.next, r.total)
		}
		r.conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		n, err := r.conn.Read(frame)
		switch {
		case err == nil:
			if err := r.take(frame[:n]); err != nil {
				return err
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.acknowledge()
		case !refused(err):
			return err
		}
	}
}

func (r *blastReceiver) take(frame []byte) error {
	if len(frame) <= frameHead || frame[0] != kindData || frame[1] != r.stream {
		return nil
	}
	seq := binary.BigEndian.Uint32(frame[4:])
	if seq >= r.next && seq < r.next+windowSize && r.ahead[seq] == nil {
		r.ahead[seq] = append([]byte(nil), frame[frameHead:]...)
	}
	for data := r.ahead[r.next]; data != nil; data = r.ahead[r.next] {
		if _, err := r.out.Write(data); err != nil {
			return err
		}
		delete(r.ahead, r.next)
		r.next++
	}
	if r.fresh++; r.fresh >= 8 {
		r.acknowledge()
	}
	return nil
}

func (r *blastReceiver) acknowledge() {
	r.fresh = 0
	frame := make([]byte, frameHead+windowSize/8)
	frame[0], frame[1] = kindAck, r.stream
	binary.BigEndian.PutUint32(frame[4:], r.next)
	for seq := range r.ahead {
		at := seq - r.next
		frame[frameHead+at/8] |= 1 << (at % 8)
	}
	r.conn.Write(frame)
}

// refused tells an ICMP answer, which a lossy flow outlives.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
