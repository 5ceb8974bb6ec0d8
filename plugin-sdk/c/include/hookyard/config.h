// The operator's configuration of this plugin: `config` and `secrets` in [plugin.NAME].
#pragma once
#include <hookyard/handler.h>

hy_optional hy_config(hy_string key);
// If the operator has not set the key, this rejects the event, and the reason names the key.
bool hy_config_required(hy_string key, hy_string *value, hy_failure *failure);
// All keys and values, sorted by key.
hy_pairs hy_config_all(void);
