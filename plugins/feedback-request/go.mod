module feedback-request

go 1.24

require hookyard v0.0.0

replace hookyard => ../../plugin-sdk/go
