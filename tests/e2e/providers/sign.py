"""Prints requests that the providers' own Python libraries sign or verify: a JSON list, with the source of each.

A library that only verifies gets what this script signs: the body must verify, and the tampered one must not.
"""

import base64
import hashlib
import hmac
import json
import time
from datetime import datetime, timezone
from urllib.parse import parse_qsl, urlencode

import Adyen.util
import standardwebhooks
import stripe
import svix
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hubspot.utils.signature import Signature
from mailgun.security import SecurityGuard
from moncreneau import Moncreneau
from paddle_billing.Notifications.PaddleSignature import PaddleSignature
from paypalrestsdk.notifications import WebhookEvent
from sendgrid.helpers.eventwebhook import EventWebhook
from slack_sdk.signature import SignatureVerifier
from square.utils.webhooks_helper import verify_signature as verify_square
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

NOW = int(time.time())
PUBLIC_URL = "https://hooks.example.gn/webhooks/"
requests = []


def add(source, scheme, secrets, headers, body, event, *, tampered=None, query="", settings="", verify=None):
    """Adds a request and the id and type of its event. `verify` is the library's own check of a body."""
    tampered = body + " " if tampered is None else tampered
    assert tampered != body, source
    if verify:
        assert verify(body) and not verify(tampered), source
    requests.append({
        "source": source, "scheme": scheme, "secrets": secrets, "settings": settings, "headers": headers,
        "body": body, "tampered": tampered, "query": query, "id": event[0], "type": event[1],
    })


def with_other(secret):
    """The secrets of a source that is changing them."""
    return ["other", secret]


def hmac_sha256(secret, text):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256)


def base64_text(data):
    return base64.b64encode(data).decode()


def public_key_text(key):
    return base64_text(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def event(**members):
    return json.dumps({"id": "evt_1", "type": "invoice.paid", "data": {"object": {"total": 1.50}}, **members})


# --- Payments and commerce

secret, body = "whsec_of_stripe", event()
signature = stripe.WebhookSignature._compute_signature(f"{NOW}.{body}", secret)
headers = {"Stripe-Signature": f"t={NOW},v1={signature},v0=old"}
add("stripe", "stripe", with_other(secret), headers, body, ("evt_1", "invoice.paid"))

secret, body = "pdl_ntf_secret", json.dumps({"event_id": "evt_p", "event_type": "transaction.paid", "data": {}})
signature = PaddleSignature.calculate_hmac(secret, f"{NOW}:{body}".encode())
signature = signature if isinstance(signature, str) else signature.hexdigest()
headers = {"Paddle-Signature": f"ts={NOW};h1={signature}"}
add("paddle", "paddle", with_other(secret), headers, body, ("evt_p", "transaction.paid"))

secret = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
item = {
    "pspReference": "psp-1", "originalReference": "", "merchantAccountCode": "Shop", "merchantReference": "r-1",
    "amount": {"value": 1130, "currency": "EUR"}, "eventCode": "AUTHORISATION", "success": "true",
}
signature = Adyen.util.generate_notification_sig(item, secret)
signature = signature.decode() if isinstance(signature, bytes) else signature
item["additionalData"] = {"hmacSignature": signature}
body = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]})
tampered = body.replace("1130", "1131")
add("adyen", "adyen", [secret], {}, body, ("psp-1.AUTHORISATION", "AUTHORISATION"), tampered=tampered)

secret = "square-key"
body = json.dumps({"event_id": "evt_s", "type": "payment.updated", "data": {"note": "à part"}}, ensure_ascii=False)
signature = base64_text(hmac_sha256(secret, PUBLIC_URL + "square" + body).digest())
add(
    "square", "square", with_other(secret), {"x-square-hmacsha256-signature": signature}, body,
    ("evt_s", "payment.updated"),
    verify=lambda body: verify_square(
        request_body=body, signature_header=signature, signature_key=secret, notification_url=PUBLIC_URL + "square"
    ),
)

# PayPal's library has no check that current versions of its dependencies offer, but it makes the signed text.
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
transmission, sent = "69cd13f0-d67a-11e5-baa3-778b53f4ae55", datetime.fromtimestamp(NOW, timezone.utc).isoformat()
body = json.dumps({"event_type": "PAYMENT.SALE.COMPLETED", "resource": {"note": "1,50 €"}}, ensure_ascii=False)
signed = WebhookEvent._get_expected_sig(transmission, sent, "WH-1", body)
signature = base64_text(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))
headers = {
    "PAYPAL-TRANSMISSION-ID": transmission, "PAYPAL-TRANSMISSION-TIME": sent, "PAYPAL-TRANSMISSION-SIG": signature,
}
add(
    "paypal", "paypal", [public_key_text(key)], headers, body, (transmission, "PAYMENT.SALE.COMPLETED"),
    settings='values = { webhook_id = "WH-1" }',
)

# --- Messages

secret, body = "8f742231b10e8888abcd99yyyzzz85a5", json.dumps({"event_id": "Ev1", "event": {"type": "message"}})
signature = SignatureVerifier(secret).generate_signature(timestamp=str(NOW), body=body)
headers = {"X-Slack-Request-Timestamp": str(NOW), "X-Slack-Signature": signature}
add("slack", "slack", with_other(secret), headers, body, ("Ev1", "message"))

secret, form = "twilio-token", "application/x-www-form-urlencoded"
validator = RequestValidator(secret)
# Fields out of order, an empty one, one that is there twice with each text, and characters that forms escape.
body = urlencode([
    ("MessageStatus", "delivered"), ("MessageSid", "SM1"), ("To", "+224621234567"), ("Body", "À 9 h & plus"),
    ("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b"), ("From", ""),
])
for source, settings, more in (
    ("twilio-form", "", {}),
    (
        "twilio-shared-key", 'algorithm = "hmac-sha256"',
        {"X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"},
    ),
):
    algorithm, url = ("HMAC_SHA256" if more else "HMAC_SHA1"), f"{PUBLIC_URL}{source}?shop=7"
    read = lambda body: MultiDict(parse_qsl(body, keep_blank_values=True))
    signature = validator.compute_signature(url, read(body), algorithm)
    add(
        source, "twilio", with_other(secret), {"X-Twilio-Signature": signature, "Content-Type": form, **more}, body,
        ("SM1.delivered", "message.delivered"), query="?shop=7", settings=settings, tampered=body.replace("SM1", "SM2"),
        verify=lambda body: validator.validate(url, read(body), signature, algorithm),
    )

body = json.dumps({"CallSid": "CA1", "CallStatus": "completed"})
query = f"?bodySHA256={validator.compute_hash(body)}"
signature = validator.compute_signature(f"{PUBLIC_URL}twilio-json{query}", {})
headers = {"X-Twilio-Signature": signature, "Content-Type": "application/json"}
add(
    "twilio-json", "twilio", with_other(secret), headers, body, ("CA1.completed", "call.completed"), query=query,
    verify=lambda body: validator.validate(f"{PUBLIC_URL}twilio-json{query}", body, signature),
)

# --- Email and marketing

key = ec.generate_private_key(ec.SECP256R1())
body = json.dumps([{"sg_event_id": "sg-1", "event": "delivered", "timestamp": NOW}]) + "\r\n"
signature = base64_text(key.sign(f"{NOW}{body}".encode(), ec.ECDSA(hashes.SHA256())))
headers = {
    "X-Twilio-Email-Event-Webhook-Signature": signature, "X-Twilio-Email-Event-Webhook-Timestamp": str(NOW),
}
add(
    "sendgrid", "sendgrid", [public_key_text(key)], headers, body, ("sg-1", "delivered"),
    verify=lambda body: EventWebhook(public_key_text(key)).verify_signature(body, signature, str(NOW)),
)

secret, sent = "mailgun-key", {"timestamp": str(NOW), "token": "885894756b6c371a377f5f9516d60a4db497ad27d4931ed215"}
sent["signature"] = hmac_sha256(secret, sent["timestamp"] + sent["token"]).hexdigest()
body = json.dumps({"signature": sent, "event-data": {"event": "opened", "timestamp": NOW + 0.5}})
add(
    "mailgun", "mailgun", with_other(secret), {}, body, (sent["token"], "opened"),
    tampered=body.replace("885894", "885895"),
    verify=lambda body: SecurityGuard.verify_webhook(secret, **json.loads(body)["signature"]),
)

secret, sent = "hubspot-client-secret", str(NOW * 1000)
body = json.dumps([{"eventId": 7, "subscriptionType": "contact.creation", "occurredAt": NOW * 1000}])
signature = Signature.get_signature(secret, body, "v3", PUBLIC_URL + "hubspot", "POST", sent)
headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": sent}
add(
    "hubspot", "hubspot", with_other(secret), headers, body, (f"7.{NOW * 1000}", "contact.creation"),
    verify=lambda body: Signature.is_valid(signature, secret, body, PUBLIC_URL + "hubspot", "POST", "v3", sent),
)

# --- Any sender, and appointments

for library, prefix in ((standardwebhooks, "webhook"), (svix, "svix")):
    secret, body = "whsec_" + base64_text(b"a key of 24 bytes or more"), event(library=prefix)
    signer, message = library.Webhook(secret), f"msg_{prefix}"
    signature = signer.sign(message, datetime.fromtimestamp(NOW, tz=timezone.utc), body)
    headers = {f"{prefix}-id": message, f"{prefix}-timestamp": str(NOW), f"{prefix}-signature": signature}
    add(library.__name__, "standard-webhooks", [secret], headers, body, (message, "invoice.paid"))

secret, body = "appointments-secret", event(type="appointment.created", created="2026-01-21T14:30:00Z")
signature = hmac_sha256(secret, body).hexdigest()
add(
    "moncreneau-python", "moncreneau", with_other(secret), {"X-Webhook-Signature": signature}, body,
    ("evt_1", "appointment.created"),
    verify=lambda body: Moncreneau.verify_webhook_signature(body, signature, secret),
)

print(json.dumps(requests))
