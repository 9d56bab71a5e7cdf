// SPDX-License-Identifier: BSD-3-Clause

package shipnode

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The kinds of frames.
const (
	OpContinue = 0x0
	OpText     = 0x1
	OpBinary   = 0x2
	OpClose    = 0x8
	OpPing     = 0x9
	OpPong     = 0xa
)

// frameMax bounds what is read into memory for one frame.
const frameMax = 4 << 20

// Closed is the end of a connection as the peer put it; code 1006 stands for no word at all.
type Closed struct {
	Code   int
	Reason string
}

func (c *Closed) Error() string { return fmt.Sprintf("closed with %d %q", c.Code, c.Reason) }

// WS is a WebSocket connection at the level of frames.
type WS struct {
	net.Conn
	in     *bufio.Reader
	client bool
	mux    sync.Mutex // of writing
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Upgrade turns a stream into a WebSocket as its client. protocol "" offers none.
func Upgrade(c net.Conn, host, path, protocol string) (*WS, error) {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\n" +
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n"
	if protocol != "" {
		request += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		return nil, err
	}
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New("upgrade: " + res.Status)
	}
	if res.Header.Get("Sec-WebSocket-Accept") != acceptKey(key) {
		return nil, errors.New("upgrade: the answer is to another request")
	}
	if got := res.Header.Get("Sec-WebSocket-Protocol"); got != protocol {
		return nil, fmt.Errorf("upgrade: sub-protocol %q, not %q", got, protocol)
	}
	return &WS{Conn: c, in: in, client: true}, nil
}

// Accept turns a stream into a WebSocket as its server, if the client offers "ship".
func Accept(c net.Conn) (*WS, error) {
	in := bufio.NewReader(c)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, err
	}
	key := req.Header.Get("Sec-WebSocket-Key")
	if key == "" || !strings.Contains(req.Header.Get("Sec-WebSocket-Protocol"), "ship") {
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		return nil, errors.New("upgrade: not a request for ship")
	}
	_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Accept: "+acceptKey(key)+
		"\r\nSec-WebSocket-Protocol: ship\r\n\r\n")
	return &WS{Conn: c, in: in}, err
}

// WriteFrame sends one frame; a client masks it.
func (w *WS) WriteFrame(fin bool, op byte, payload []byte) error {
	head := frameHead(fin, op, len(payload), w.client)
	frame := append(head, payload...)
	if w.client {
		mask := make([]byte, 4)
		rand.Read(mask)
		frame = append(append(head, mask...), payload...)
		body := frame[len(head)+4:]
		for i := range body {
			body[i] ^= mask[i&3]
		}
	}
	return w.WriteRaw(frame)
}

// WriteRaw sends bytes as they are.
func (w *WS) WriteRaw(frame []byte) error {
	w.mux.Lock()
	defer w.mux.Unlock()
	w.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err := w.Conn.Write(frame)
	return err
}

func frameHead(fin bool, op byte, n int, masked bool) []byte {
	head := []byte{op, 0}
	if fin {
		head[0] |= 0x80
	}
	switch {
	case n < 126:
		head[1] = byte(n)
	case n < 1<<16:
		head[1] = 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] = 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	if masked {
		head[1] |= 0x80
	}
	return head
}

// ReadFrame reads one frame.
func (w *WS) ReadFrame() (fin bool, op byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(w.in, head[:]); err != nil {
		return
	}
	n, err := w.frameLen(head[1] & 0x7f)
	if err != nil {
		return
	}
	if n > frameMax {
		err = fmt.Errorf("a frame of %d bytes", n)
		return
	}
	var mask [4]byte
	masked := head[1]&0x80 != 0
	if masked == w.client {
		err = errors.New("a frame masked by the wrong side")
		return
	}
	if masked {
		if _, err = io.ReadFull(w.in, mask[:]); err != nil {
			return
		}
	}
	payload = make([]byte, n)
	if _, err = io.ReadFull(w.in, payload); err != nil {
		return
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return head[0]&0x80 != 0, head[0] & 0xf, payload, nil
}

func (w *WS) frameLen(short byte) (uint64, error) {
	var long [8]byte
	switch short {
	case 126:
		_, err := io.ReadFull(w.in, long[6:])
		return binary.BigEndian.Uint64(long[:]), err
	case 127:
		_, err := io.ReadFull(w.in, long[:])
		return binary.BigEndian.Uint64(long[:]), err
	}
	return uint64(short), nil
}

// WriteClose sends a close frame.
func (w *WS) WriteClose(code int, reason string) error {
	return w.WriteFrame(true, OpClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)),
		reason...))
}

// ReadMessage gives the next whole binary message; pings are answered on the way. The end of the
// connection is a *Closed.
func (w *WS) ReadMessage() ([]byte, error) {
	var message []byte
	for {
		fin, op, payload, err := w.ReadFrame()
		if err != nil {
			return nil, &Closed{1006, err.Error()}
		}
		switch op {
		case OpPing:
			err = w.WriteFrame(true, OpPong, payload)
		case OpPong:
		case OpClose:
			w.WriteFrame(true, OpClose, payload)
			return nil, closedWith(payload)
		case OpBinary, OpContinue:
			message = append(message, payload...)
			if fin {
				return message, nil
			}
		default:
			return nil, fmt.Errorf("a frame of kind %d", op)
		}
		if err != nil {
			return nil, &Closed{1006, err.Error()}
		}
	}
}

func closedWith(payload []byte) *Closed {
	if len(payload) < 2 {
		return &Closed{Code: 1005}
	}
	return &Closed{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
}
