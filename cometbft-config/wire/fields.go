package wire

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/cosmos/gogoproto/proto"
)

// innerFields describes the message inside a Request or Response and checks
// that the oneof is set to the named call.
func innerFields(outer proto.Message, call string) (map[string]any, error) {
	described, ok := describe(reflect.ValueOf(outer).Elem()).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%T is not a message", outer)
	}
	value, ok := described["value"].(map[string]any)
	if !ok || len(value) != 1 {
		return nil, fmt.Errorf("%T has no single value", outer)
	}
	fields, ok := value[call].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the value of %T is not %q", outer, call)
	}
	return fields, nil
}

// describe turns a generated protobuf value into plain JSON values.
func describe(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case []byte:
		return hex.EncodeToString(value)
	case time.Time:
		return map[string]any{"seconds": value.Unix(), "nanos": value.Nanosecond()}
	case time.Duration:
		return map[string]any{"seconds": int64(value / time.Second), "nanos": int64(value % time.Second)}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return describe(v.Elem())
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = describe(v.Index(i))
		}
		return list
	case reflect.Struct:
		fields := make(map[string]any, v.NumField())
		for i := range v.NumField() {
			fields[fieldName(v.Type().Field(i))] = describe(v.Field(i))
		}
		return fields
	case reflect.Int32, reflect.Int64:
		return v.Int() // an enum too: its String method would name it
	case reflect.Uint32, reflect.Uint64:
		return v.Uint()
	default:
		return v.Interface()
	}
}

// fieldName is the protobuf name that the code generator kept in the tag.
func fieldName(field reflect.StructField) string {
	if oneof, ok := field.Tag.Lookup("protobuf_oneof"); ok {
		return oneof
	}
	for part := range strings.SplitSeq(field.Tag.Get("protobuf"), ",") {
		if name, ok := strings.CutPrefix(part, "name="); ok {
			return name
		}
	}
	return field.Name
}
