// Package wire makes ABCI 2.0 messages with CometBFT's own Go types and writes
// them as its socket client and server do, so that our Rust server is tested
// against CometBFT and not against itself.
//
// A vector's name is "<request|response>/<call>/<filled|empty>". Its hex is the
// whole message on the socket: an unsigned varint length, then the outer
// Request or Response. Its fields are every field of the inner message by its
// protobuf name, zero values too: integers and enums as numbers, bytes as hex,
// timestamps and durations as {seconds, nanos}, an absent message as null, a
// oneof as {set field: value}.
package wire

import (
	"encoding/hex"
	"fmt"

	"github.com/cosmos/gogoproto/proto"

	"github.com/cometbft/cometbft/libs/protoio"
)

// Vector is one message as it stands on the socket.
type Vector struct {
	Name   string         `json:"name"`
	Kind   string         `json:"kind"`
	Call   string         `json:"call"`
	Hex    string         `json:"hex"`
	Fields map[string]any `json:"fields"`
}

type named struct {
	call string
	msg  proto.Message
}

// Vectors returns a filled and an empty message of every request and response.
func Vectors() ([]Vector, error) {
	var out []Vector
	for _, group := range []struct {
		kind, state string
		messages    []named
	}{
		{"request", "filled", filledRequests()},
		{"request", "empty", emptyRequests()},
		{"response", "filled", filledResponses()},
		{"response", "empty", emptyResponses()},
	} {
		for _, m := range group.messages {
			raw, err := protoio.MarshalDelimited(m.msg)
			if err != nil {
				return nil, fmt.Errorf("encode %s %s: %w", group.state, m.call, err)
			}
			fields, err := innerFields(m.msg, m.call)
			if err != nil {
				return nil, err
			}
			out = append(out, Vector{
				Name:   group.kind + "/" + m.call + "/" + group.state,
				Kind:   group.kind,
				Call:   m.call,
				Hex:    hex.EncodeToString(raw),
				Fields: fields,
			})
		}
	}
	return out, nil
}
