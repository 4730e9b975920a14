package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/cosmos/gogoproto/proto"

	abci "github.com/cometbft/cometbft/abci/types"

	"defchain/cometbft-config/internal/golden"
)

const vectorFile = "../testdata/abci_vectors.json"

func TestTheVectorFileIsWhatCometBFTWrites(t *testing.T) {
	vectors, err := Vectors()
	if err != nil {
		t.Fatal(err)
	}
	// One vector a line keeps a change of one message to one line of a diff.
	var file bytes.Buffer
	file.WriteString("[\n")
	for i, vector := range vectors {
		line, err := json.Marshal(vector)
		if err != nil {
			t.Fatal(err)
		}
		file.Write(line)
		if i+1 < len(vectors) {
			file.WriteByte(',')
		}
		file.WriteByte('\n')
	}
	file.WriteString("]\n")
	golden.Check(t, vectorFile, file.Bytes())
}

func TestEveryVectorReadsBackWithCometBFTsReader(t *testing.T) {
	vectors, err := Vectors()
	if err != nil {
		t.Fatal(err)
	}
	for _, vector := range vectors {
		t.Run(vector.Name, func(t *testing.T) {
			raw, err := hex.DecodeString(vector.Hex)
			if err != nil {
				t.Fatal(err)
			}
			var msg proto.Message = new(abci.Request)
			if vector.Kind == "response" {
				msg = new(abci.Response)
			}
			reader := bytes.NewReader(raw)
			if err := abci.ReadMessage(reader, msg); err != nil {
				t.Fatal(err)
			}
			if reader.Len() != 0 {
				t.Fatalf("%d bytes are left over", reader.Len())
			}
			fields, err := innerFields(msg, vector.Call)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(fields, vector.Fields) {
				t.Fatalf("read back %v, wrote %v", fields, vector.Fields)
			}
		})
	}
}

// A call that a later version adds must not be forgotten here.
func TestEveryCallOfCometBFTHasAFilledAndAnEmptyVector(t *testing.T) {
	vectors, err := Vectors()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]int)
	for _, vector := range vectors {
		names[vector.Name]++
	}
	for kind, wrappers := range map[string][]any{
		"request":  (*abci.Request)(nil).XXX_OneofWrappers(),
		"response": (*abci.Response)(nil).XXX_OneofWrappers(),
	} {
		for _, wrapper := range wrappers {
			call := fieldName(reflect.TypeOf(wrapper).Elem().Field(0))
			for _, state := range []string{"filled", "empty"} {
				if name := kind + "/" + call + "/" + state; names[name] != 1 {
					t.Errorf("%s stands %d times in the vectors, not once", name, names[name])
				}
				delete(names, kind+"/"+call+"/"+state)
			}
		}
	}
	if len(names) != 0 {
		t.Errorf("vectors of unknown calls: %v", names)
	}
}
