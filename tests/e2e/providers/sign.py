"""Prints requests that are signed by the providers' own libraries: a JSON list, with the secret of each source."""

import base64
import json
import time
from urllib.parse import urlencode

import Adyen.util
import standardwebhooks
import stripe
import svix
from datetime import datetime, timezone
from paddle_billing.Notifications.PaddleSignature import PaddleSignature
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

NOW = int(time.time())
PUBLIC_URL = "https://hooks.example.gn"
requests = []


def add(scheme, secret, headers, body, query=""):
    requests.append({"scheme": scheme, "secret": secret, "headers": headers, "body": body, "query": query})


def event(**members):
    return json.dumps({"id": "evt_1", "type": "invoice.paid", "data": {"object": {"total": 1.50}}, **members})


secret, body = "whsec_of_stripe", event()
signature = stripe.WebhookSignature._compute_signature(f"{NOW}.{body}", secret)
add("stripe", secret, {"Stripe-Signature": f"t={NOW},v1={signature},v0=old"}, body)

secret, body = "8f742231b10e8888abcd99yyyzzz85a5", json.dumps({"event_id": "Ev1", "event": {"type": "message"}})
signature = SignatureVerifier(secret).generate_signature(timestamp=str(NOW), body=body)
add("slack", secret, {"X-Slack-Request-Timestamp": str(NOW), "X-Slack-Signature": signature}, body)

for library, prefix in ((standardwebhooks, "webhook"), (svix, "svix")):
    secret, body = "whsec_" + base64.b64encode(b"a key of 24 bytes or more").decode(), event(library=prefix)
    signer = library.Webhook(secret)
    signature = signer.sign(f"msg_{prefix}", datetime.fromtimestamp(NOW, tz=timezone.utc), body)
    headers = {"id": f"msg_{prefix}", "timestamp": str(NOW), "signature": signature}
    add("standard-webhooks", secret, {f"{prefix}-{name}": value for name, value in headers.items()}, body)

secret, body = "pdl_ntf_secret", json.dumps({"event_id": "evt_p", "event_type": "transaction.paid", "data": {}})
signature = PaddleSignature.calculate_hmac(secret, f"{NOW}:{body}".encode())
signature = signature if isinstance(signature, str) else signature.hexdigest()
add("paddle", secret, {"Paddle-Signature": f"ts={NOW};h1={signature}"}, body)

secret = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
item = {
    "pspReference": "psp-1", "originalReference": "", "merchantAccountCode": "Shop", "merchantReference": "r-1",
    "amount": {"value": 1130, "currency": "EUR"}, "eventCode": "AUTHORISATION", "success": "true",
}
signature = Adyen.util.generate_notification_sig(item, secret)
signature = signature.decode() if isinstance(signature, bytes) else signature
item["additionalData"] = {"hmacSignature": signature}
add("adyen", secret, {}, json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}))

print(json.dumps(requests))
