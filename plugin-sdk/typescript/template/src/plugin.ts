import { log, on } from "@hookyard/plugin";

{{handlers}}
