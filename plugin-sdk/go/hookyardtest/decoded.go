//go:build !wasm

package hookyardtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"hookyard"
	"hookyard/abi"
)

// DeliverEvent delivers a whole event, as its sender posts it: JSON. The program `hookyard` decodes the payload of a typed
// handler, so that values, errors and notes are those of a real host. The environment variable HOOKYARD names the program
// if it is not in the path.
func (h *Host) DeliverEvent(body string) Result {
	h.test.Helper()
	var event struct {
		ID            any
		Type, Created string
		Data          json.RawMessage
	}
	reader := json.NewDecoder(strings.NewReader(body))
	reader.UseNumber()
	if err := reader.Decode(&event); err != nil {
		h.test.Fatalf("the event is no JSON: %v", err)
	}
	ctx := Context(event.Type)
	if event.ID != nil {
		ctx.EventID = fmt.Sprint(event.ID)
	}
	if event.Created != "" {
		ctx.Created = event.Created
	}
	for _, handler := range abi.Handlers {
		if handler.EventType == event.Type {
			return h.deliverDecoded(handler, ctx, body)
		}
	}
	return h.DeliverIn(ctx, payloadOf(event.Data))
}

// payloadOf returns `data.object`, or else `data`.
func payloadOf(data json.RawMessage) json.RawMessage {
	var within struct{ Object json.RawMessage }
	if json.Unmarshal(data, &within) == nil && within.Object != nil {
		return within.Object
	}
	if data == nil {
		return json.RawMessage("null")
	}
	return data
}

func (h *Host) deliverDecoded(handler *abi.Handler, ctx hookyard.Context, body string) Result {
	h.test.Helper()
	arguments := []string{"wit", "decode", "--type", ctx.EventType}
	name, version, _ := strings.Cut(handler.Export, "@")
	name, _, _ = strings.Cut(name, "/")
	folder := strings.TrimSuffix(strings.ReplaceAll(name, ":", "-")+"-"+version, "-")
	if _, err := os.Stat("wit/" + folder); err == nil {
		arguments = append(arguments, "--wit", "wit")
	}
	output, notes, err := runProgram(arguments, []byte(body))
	if reason, isMismatch := strings.CutPrefix(notes, "error: payload"); err != nil && isMismatch {
		return Result{Outcome: Rejected, Reason: "payload" + strings.TrimSpace(reason)}
	}
	if err != nil {
		h.test.Fatalf("hookyard wit decode: %v: %s", err, notes)
	}
	payload := reflect.New(handler.Payload).Elem()
	var canonical any
	if err = json.Unmarshal(output, &canonical); err == nil {
		err = readCanonical(canonical, payload)
	}
	if err != nil {
		h.test.Fatalf("the payload of %s: %v", ctx.EventType, err)
	}
	result := h.deliver(handler, ctx, payload.Interface())
	for _, note := range strings.Split(strings.TrimSpace(notes), "\n") {
		if text, isNote := strings.CutPrefix(note, "warning: "); isNote {
			result.Logs = append([]string{"WARN hookyard: " + text}, result.Logs...)
		}
	}
	return result
}

// readCanonical reads canonical JSON, the one strict form of a typed value, into a value of a generated type.
func readCanonical(canonical any, into reflect.Value) error {
	if into.Kind() == reflect.Pointer {
		return readOption(canonical, into)
	}
	switch form := canonical.(type) {
	case string:
		return readText(form, into)
	case bool:
		into.SetBool(form)
	case float64:
		return readText(strconv.FormatFloat(form, 'f', -1, 64), into)
	case []any:
		return readList(form, into)
	case map[string]any:
		return readObject(form, into)
	default:
		return fmt.Errorf("%T for a %s", canonical, into.Type())
	}
	return nil
}

func readOption(canonical any, into reflect.Value) error {
	if canonical == nil {
		into.SetZero()
		return nil
	}
	// An option of an option.
	if wrapped, isObject := canonical.(map[string]any); isObject && into.Type().Elem().Kind() == reflect.Pointer {
		canonical = wrapped["some"]
	}
	into.Set(reflect.New(into.Type().Elem()))
	return readCanonical(canonical, into.Elem())
}

// readText reads a text, a character, the name of a case, or a number, which is a text if a float could round it.
func readText(text string, into reflect.Value) (err error) {
	switch {
	case into.Type() == reflect.TypeFor[hookyard.Char]():
		into.SetInt(int64(abi.MakeChar(text)))
	case into.Kind() == reflect.String:
		into.SetString(text)
	case into.Type().Implements(reflect.TypeFor[fmt.Stringer]()):
		return readCase(text, into)
	case into.CanUint():
		var number uint64
		number, err = strconv.ParseUint(text, 10, 64)
		into.SetUint(number)
	case into.CanInt():
		var number int64
		number, err = strconv.ParseInt(text, 10, 64)
		into.SetInt(number)
	default:
		var number float64
		number, err = strconv.ParseFloat(text, 64)
		into.SetFloat(number)
	}
	return err
}

// readCase finds the case of this name. Names beyond the last one panic.
func readCase(name string, into reflect.Value) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%s has no case %q", into.Type(), name)
		}
	}()
	for number := uint64(0); ; number++ {
		into.SetUint(number)
		if into.Interface().(fmt.Stringer).String() == name {
			return nil
		}
	}
}

func readList(items []any, into reflect.Value) error {
	if into.Kind() == reflect.Struct { // a tuple
		for at, item := range items {
			if err := readCanonical(item, into.Field(at)); err != nil {
				return err
			}
		}
		return nil
	}
	if into.Kind() == reflect.Uint32 {
		return readFlags(items, into)
	}
	into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
	for at, item := range items {
		if err := readCanonical(item, into.Index(at)); err != nil {
			return err
		}
	}
	return nil
}

func readFlags(names []any, into reflect.Value) error {
	set := uint64(0)
	for bit := range 32 {
		into.SetUint(1 << bit)
		for _, name := range into.Interface().(flagSet).Names() {
			for _, wanted := range names {
				if name == wanted {
					set |= 1 << bit
				}
			}
		}
	}
	into.SetUint(set)
	return nil
}

func readObject(members map[string]any, into reflect.Value) error {
	if isVariant(into.Type()) {
		for name, value := range members {
			if err := readCase(name, into.FieldByName("Case")); err != nil || value == nil {
				return err
			}
			return readCanonical(value, into.FieldByName(payloadField(name)))
		}
		return errors.New("a variant without a case")
	}
	for at := range into.NumField() {
		name := strings.ToLower(into.Type().Field(at).Name)
		isThere := false
		for member, value := range members {
			if strings.ToLower(strings.ReplaceAll(member, "-", "")) != name {
				continue
			}
			isThere = true
			if err := readCanonical(value, into.Field(at)); err != nil {
				return fmt.Errorf("%s: %w", member, err)
			}
		}
		if !isThere {
			return fmt.Errorf("%s has no field %s", into.Type(), into.Type().Field(at).Name)
		}
	}
	return nil
}
