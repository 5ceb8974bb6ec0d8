package main

import (
	"strconv"
	"strings"

	"hookyard"
	"hookyard/moncreneau"
	"hookyard/store"
)

func init() {
	moncreneau.OnAppointmentCreated(created)
	moncreneau.OnAppointmentUpdated(updated)
	moncreneau.OnAppointmentCancelled(cancelled)
	moncreneau.OnAppointmentValidated(validated)
	moncreneau.OnAppointmentCompleted(completed)
}

const typed store.Bucket = "typed"

type fields map[string]any

// remember stores every field of a payload under the provider's names.
func remember(id, departmentID uint64, department *moncreneau.Department, dateTime string, status moncreneau.Status,
	name string, phone, email *string, fields fields) error {
	fields["id"], fields["departmentId"], fields["department"] = id, departmentID, office(department)
	fields["dateTime"], fields["status"], fields["name"] = dateTime, statusText(status), name
	fields["phone"], fields["email"] = phone, email
	return typed.SetJSON(strconv.FormatUint(id, 10), fields)
}

func created(_ hookyard.Context, a moncreneau.Created) error {
	own := fields{"qrCode": a.QrCode, "createdAt": a.CreatedAt, "creditsUsed": a.CreditsUsed}
	return remember(a.Id, a.DepartmentId, a.Department, a.DateTime, a.Status, a.Name, a.Phone, a.Email, own)
}

func updated(_ hookyard.Context, a moncreneau.Updated) error {
	own := fields{"updatedAt": a.UpdatedAt, "changes": nil}
	if a.Changes != nil {
		changes := fields{}
		for _, change := range *a.Changes {
			changes[change.Key] = fields{"from": change.Value.From, "to": change.Value.To}
		}
		own["changes"] = changes
	}
	return remember(a.Id, a.DepartmentId, a.Department, a.DateTime, a.Status, a.Name, a.Phone, a.Email, own)
}

func cancelled(_ hookyard.Context, a moncreneau.Cancelled) error {
	own := fields{"cancelledAt": a.CancelledAt, "cancelReason": a.CancelReason, "creditsRefunded": a.CreditsRefunded}
	own["cancelledBy"] = nil
	if by := a.CancelledBy; by != nil {
		own["cancelledBy"] = by.Case.String()
		if by.Case == moncreneau.CancellerOther {
			own["cancelledBy"] = by.Other
		}
	}
	return remember(a.Id, a.DepartmentId, a.Department, a.DateTime, a.Status, a.Name, a.Phone, a.Email, own)
}

func validated(_ hookyard.Context, a moncreneau.Validated) error {
	own := fields{"validatedAt": a.ValidatedAt, "validatedBy": nil}
	if agent := a.ValidatedBy; agent != nil {
		own["validatedBy"] = fields{"id": agent.Id, "name": agent.Name}
	}
	return remember(a.Id, a.DepartmentId, a.Department, a.DateTime, a.Status, a.Name, a.Phone, a.Email, own)
}

func completed(_ hookyard.Context, a moncreneau.Completed) error {
	own := fields{"completedAt": a.CompletedAt, "duration": a.Duration, "notes": a.Notes}
	return remember(a.Id, a.DepartmentId, a.Department, a.DateTime, a.Status, a.Name, a.Phone, a.Email, own)
}

func office(department *moncreneau.Department) any {
	if department == nil {
		return nil
	}
	office := fields{"id": department.Id, "name": department.Name, "organization": nil}
	if body := department.Organization; body != nil {
		office["organization"] = fields{"id": body.Id, "name": body.Name}
	}
	return office
}

// statusText returns a status as the provider writes it.
func statusText(status moncreneau.Status) string {
	if status.Case == moncreneau.StatusOther {
		return status.Other
	}
	return strings.ToUpper(strings.ReplaceAll(status.Case.String(), "-", "_"))
}
