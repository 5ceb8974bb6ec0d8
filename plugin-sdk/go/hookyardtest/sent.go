//go:build !wasm

package hookyardtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// sentJSON writes a payload as its sender could have written it, so that a host decodes it to the same value. Names of
// fields and cases need no other form: a host compares them without case and separators.
func sentJSON(payload any) (string, error) {
	var out bytes.Buffer
	err := writeSent(&out, reflect.ValueOf(payload))
	return out.String(), err
}

type flagSet interface{ Names() []string }

func writeSent(out *bytes.Buffer, value reflect.Value) error {
	if value.Kind() == reflect.Pointer { // it has the methods of what it points to
		if value.IsNil() {
			out.WriteString("null")
			return nil
		}
		return writeSent(out, value.Elem())
	}
	if flags, isFlags := value.Interface().(flagSet); isFlags {
		return writeScalar(out, flags.Names())
	}
	if name, isEnum := value.Interface().(fmt.Stringer); isEnum {
		return writeScalar(out, name.String())
	}
	switch value.Kind() {
	case reflect.Slice:
		if strings.HasPrefix(value.Type().Elem().Name(), "Pair[") {
			return writeMap(out, value)
		}
		return writeEach(out, "[", "]", value.Len(), func(at int) error { return writeSent(out, value.Index(at)) })
	case reflect.Struct:
		if isVariant(value.Type()) {
			return writeVariant(out, value)
		}
		if strings.HasPrefix(value.Type().Name(), "Tuple") && strings.Contains(value.Type().Name(), "[") {
			return writeEach(out, "[", "]", value.NumField(), func(at int) error { return writeSent(out, value.Field(at)) })
		}
		return writeEach(out, "{", "}", value.NumField(), func(at int) error {
			return writeMember(out, value.Type().Field(at).Name, value.Field(at))
		})
	default:
		return writeScalar(out, value.Interface())
	}
}

func writeMap(out *bytes.Buffer, pairs reflect.Value) error {
	return writeEach(out, "{", "}", pairs.Len(), func(at int) error {
		pair := pairs.Index(at)
		return writeMember(out, fmt.Sprint(pair.Field(0).Interface()), pair.Field(1))
	})
}

func isVariant(kind reflect.Type) bool {
	cases, hasCase := kind.FieldByName("Case")
	return hasCase && cases.Tag.Get("wit") == "variant"
}

// payloadField returns the name of the field that has the value of a variant's case.
func payloadField(name string) string {
	if name == "case" {
		return "CaseValue"
	}
	return pascalCase(name)
}

// writeVariant writes the name of a case, or an object with it and its value.
func writeVariant(out *bytes.Buffer, value reflect.Value) error {
	name := value.FieldByName("Case").Interface().(fmt.Stringer).String()
	content := value.FieldByName(payloadField(name))
	if !content.IsValid() {
		return writeScalar(out, name)
	}
	return writeEach(out, "{", "}", 1, func(int) error { return writeMember(out, name, content) })
}

func pascalCase(name string) string {
	words := strings.Split(strings.ToLower(name), "-")
	for at, word := range words {
		words[at] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func writeMember(out *bytes.Buffer, name string, value reflect.Value) error {
	if err := writeScalar(out, name); err != nil {
		return err
	}
	out.WriteByte(':')
	return writeSent(out, value)
}

func writeEach(out *bytes.Buffer, begin, end string, count int, write func(at int) error) error {
	out.WriteString(begin)
	for at := range count {
		if at > 0 {
			out.WriteByte(',')
		}
		if err := write(at); err != nil {
			return err
		}
	}
	out.WriteString(end)
	return nil
}

func writeScalar(out *bytes.Buffer, value any) error {
	text, err := json.Marshal(value)
	out.Write(text)
	return err
}
