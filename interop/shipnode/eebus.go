// SPDX-License-Identifier: BSD-3-Clause

package shipnode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// member is one name and value of an object; order counts.
type member struct {
	name  string
	value any
}

// parse reads JSON keeping the order of members and the text of numbers.
func parse(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d)
	if err == nil && d.More() {
		err = errors.New("something follows the value")
	}
	return v, err
}

func parseValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		object := []member{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			object = append(object, member{name.(string), value})
		}
		_, err = d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return t, nil
}

// put writes a value; wire says whether objects become lists of single members.
func put(out *bytes.Buffer, v any, wire bool) {
	switch v := v.(type) {
	case []member:
		first, between, last := "{", ",", "}"
		if wire {
			first, between, last = "[{", "},{", "}]"
		}
		if wire && len(v) == 0 {
			out.WriteString("[]")
			return
		}
		out.WriteString(first)
		for i, m := range v {
			if i > 0 {
				out.WriteString(between)
			}
			putScalar(out, m.name)
			out.WriteByte(':')
			put(out, m.value, wire)
		}
		out.WriteString(last)
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			put(out, e, wire)
		}
		out.WriteByte(']')
	default:
		putScalar(out, v)
	}
}

func putScalar(out *bytes.Buffer, v any) {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.Encode(v)
	out.Truncate(out.Len() - 1) // the line's end
}

// unwrap turns lists of objects into one object each.
func unwrap(v any) any {
	switch v := v.(type) {
	case []member:
		out := []member{}
		for _, m := range v {
			out = append(out, member{m.name, unwrap(m.value)})
		}
		return out
	case []any:
		merged, all := []member{}, true
		for _, e := range v {
			o, ok := e.([]member)
			all = all && ok
			merged = append(merged, o...)
		}
		if all {
			return unwrap(merged)
		}
		out := []any{}
		for _, e := range v {
			out = append(out, unwrap(e))
		}
		return out
	}
	return v
}

// ToPlain gives the plain form of a message's value.
func ToPlain(wire []byte) ([]byte, error) {
	v, err := parse(bytes.TrimRight(wire, "\x00"))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	put(&out, unwrap(v), false)
	return out.Bytes(), nil
}

// ToWire gives the form of the wire: the root stays an object.
func ToWire(plain []byte) ([]byte, error) {
	v, err := parse(plain)
	if err != nil {
		return nil, err
	}
	root, ok := v.([]member)
	if !ok || len(root) != 1 {
		return nil, fmt.Errorf("the root has to be an object of one member: %.80s", plain)
	}
	var out bytes.Buffer
	out.WriteByte('{')
	putScalar(&out, root[0].name)
	out.WriteByte(':')
	put(&out, root[0].value, true)
	out.WriteByte('}')
	return out.Bytes(), nil
}

// DataMessage wraps a plain payload into a message of type data.
func DataMessage(payload []byte) ([]byte, error) {
	wire, err := ToWire(payload)
	if err != nil {
		return nil, err
	}
	const head = `{"data":[{"header":[{"protocolId":"ee1.0"}]},{"payload":`
	return append(append(append([]byte{TypeData}, head...), wire...), "}]}"...), nil
}

// PayloadOf gives the plain payload of a data message's plain value.
func PayloadOf(plain []byte) ([]byte, error) {
	var m struct {
		Data struct{ Payload json.RawMessage }
	}
	err := json.Unmarshal(plain, &m)
	if err == nil && m.Data.Payload == nil {
		err = fmt.Errorf("no payload in %.80s", plain)
	}
	return m.Data.Payload, err
}
