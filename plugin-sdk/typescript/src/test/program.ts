// The host's own program, which the test host calls.

import { spawnSync } from "node:child_process";

/** Runs `hookyard` with this standard input. The environment variable `HOOKYARD` names the program if it is not in the path. */
export function run(args: string[], input: string, purpose: string): { status: number | null; stdout: string; stderr: string } {
  const program = process.env["HOOKYARD"] || "hookyard";
  const { error, status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
  if (error) {
    throw new Error(`${program} does not start (${error.message}): ${purpose} the host's own program; put it in the path, or name it in HOOKYARD`);
  }
  if (stderr.includes("unrecognized subcommand")) {
    throw new Error(`${program} is older than this SDK: it has no \`${args.slice(0, 2).join(" ")}\`; update it`);
  }
  return { status, stdout, stderr };
}
