// The plugin {{name}}.
{{handlers}}
