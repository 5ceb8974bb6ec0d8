import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "@hookyard/plugin/test";

import * as plugin from "../src/plugin.ts";

{{tests}}
