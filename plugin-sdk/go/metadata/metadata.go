// Package metadata has what the event says beside its payload. Most signatures cover the body alone, and so do not prove
// what came in headers.
package metadata

import "hookyard/internal/host"

// ContentType returns the media type of the content that the payload was made of, as the sender wrote it, and whether
// there is one: "application/xml; charset=utf-8". There is none if the content was JSON.
func ContentType() (string, bool) { return host.ContentType() }

// Attribute returns the value of a context attribute of a CloudEvent, such as "subject", or of an extension, and whether
// there is one.
func Attribute(name string) (string, bool) { return host.Attribute(name) }

// Attributes returns all context attributes of a CloudEvent by name. Other events have none.
func Attributes() map[string]string {
	all := map[string]string{}
	for _, pair := range host.Attributes() {
		all[pair.Name] = pair.Value
	}
	return all
}
