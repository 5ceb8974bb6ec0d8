import { Refusal, bytes, fromHex, header, hmacSha256, isEqual, type Verify } from "@hookyard/plugin/verifier";

/** The largest difference between the signed time and the time of receipt. */
const TOLERANCE_MS = 300_000;

/** Verifies `X-Signature: t=SECONDS,v1=HEX`, an HMAC-SHA256 of the time, a dot and the body. Replace it by your sender's. */
export const verify: Verify = (request, secrets, nowMs) => {
  const value = header(request, "x-signature");
  if (value === undefined) throw new Refusal("x-signature is missing");
  const [, seconds, hex] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(value) ?? [];
  const claimed = hex === undefined ? undefined : fromHex(hex);
  if (seconds === undefined || claimed === undefined) throw new Refusal("x-signature is not t=SECONDS,v1=HEX");
  if (Math.abs(nowMs - Number(seconds) * 1000) > TOLERANCE_MS) throw new Refusal("the signed time is too far from now");
  // All secrets are tried: the time must not tell which one matches.
  let secret = -1;
  for (const [index, text] of secrets.entries()) {
    const matches = isEqual(hmacSha256(bytes(text), bytes(`${seconds}.`), request.body), claimed);
    if (matches && secret < 0) secret = index;
  }
  if (secret < 0) throw new Refusal("no secret made the signature");
  return { secret };
};
