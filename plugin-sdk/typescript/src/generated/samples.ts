// Made from the WIT by `npm run generate`; changes belong there.

import type { Events } from "./events.ts";

/** The providers' own samples. */
export const samples: Events = {
  "appointment.created": {
    id: 12345,
    departmentId: 5,
    department: {
      id: 5,
      name: "Passport Service",
      organization: {
        id: 1,
        name: "Ministry of Interior"
      }
    },
    dateTime: "2026-01-25T14:30:00",
    status: {
      tag: "scheduled"
    },
    name: "Jean Dupont",
    phone: "+224621234567",
    email: "jean.dupont@example.gn",
    qrCode: "https://moncreneau.gn/qr/12345",
    createdAt: "2026-01-21T14:30:00Z",
    creditsUsed: 1
  },
  "appointment.updated": {
    id: 12345,
    departmentId: 5,
    department: null,
    dateTime: "2026-01-26T10:00:00",
    status: {
      tag: "scheduled"
    },
    name: "Jean Dupont",
    phone: "+224621234567",
    email: null,
    updatedAt: "2026-01-22T10:15:00Z",
    changes: [
      [
        "dateTime",
        {
          from: "2026-01-25T14:30:00",
          to: "2026-01-26T10:00:00"
        }
      ]
    ]
  },
  "appointment.cancelled": {
    id: 12345,
    departmentId: 5,
    department: null,
    dateTime: "2026-01-25T14:30:00",
    status: {
      tag: "cancelled"
    },
    name: "Jean Dupont",
    phone: "+224621234567",
    email: null,
    cancelledAt: "2026-01-23T16:45:00Z",
    cancelledBy: {
      tag: "user"
    },
    cancelReason: "Last minute impediment",
    creditsRefunded: 1
  },
  "appointment.validated": {
    id: 12345,
    departmentId: 5,
    department: null,
    dateTime: "2026-01-25T14:30:00",
    status: {
      tag: "validated"
    },
    name: "Jean Dupont",
    phone: "+224621234567",
    email: null,
    validatedAt: "2026-01-25T14:35:00Z",
    validatedBy: {
      id: 42,
      name: "Agent Martin"
    }
  },
  "appointment.completed": {
    id: 12345,
    departmentId: 5,
    department: null,
    dateTime: "2026-01-25T14:30:00",
    status: {
      tag: "completed"
    },
    name: "Jean Dupont",
    phone: "+224621234567",
    email: null,
    completedAt: "2026-01-25T15:00:00Z",
    duration: 30,
    notes: "Document issued"
  },
};
