// Made from the WIT by `npm run generate`; changes belong there.

/** Where an appointment stands. */
export type Status =
  /** Booked, and not yet taken place. */
  | { tag: "scheduled" }
  /** Called off. */
  | { tag: "cancelled" }
  /** The visitor is here, and an agent has checked them in. */
  | { tag: "validated" }
  /** Over. */
  | { tag: "completed" }
  /** The visitor did not come. */
  | { tag: "no-show" }
  /** A status that this version does not know, as the service writes it. */
  | { tag: "other"; val: string };

/** A public body. */
export interface Organization {
  /** The service's id of it. */
  id: number;
  /** `Ministry of Interior`. */
  name: string;
}

/** An office that gives appointments. */
export interface Department {
  /** The service's id of it. */
  id: number;
  /** `Passport Service`. */
  name: string;
  /** The body it belongs to. */
  organization: Organization | null;
}

/** Somebody who works at an office. */
export interface Agent {
  /** The service's id of them. */
  id: number;
  /** Their name. */
  name: string;
}

/** A new appointment. */
export interface Created {
  /** The service's id of the appointment. */
  id: number;
  /** The office's id. */
  departmentId: number;
  /** The office. */
  department: Department | null;
  /** When it takes place, local to the office. */
  dateTime: string;
  /** `scheduled`, as a rule. */
  status: Status;
  /** The visitor's name. */
  name: string;
  /** The visitor's phone number, with the country's prefix: `+224621234567`. */
  phone: string | null;
  /** The visitor's email address. */
  email: string | null;
  /** Where the code that the visitor shows at the desk can be had. */
  qrCode: string | null;
  /** When it was booked. */
  createdAt: string | null;
  /** Credits that the office paid for it. */
  creditsUsed: number | null;
}

/** One field before and after. Values that are no text are JSON. */
export interface Change {
  /** What it was; `null` where it was not set. */
  from: string | null;
  /** What it is; `null` where it is not set any more. */
  to: string | null;
}

/** An appointment as it is now, and what was different before. */
export interface Updated {
  /** The service's id of the appointment. */
  id: number;
  /** The office's id. */
  departmentId: number;
  /** The office. */
  department: Department | null;
  /** When it takes place now, local to the office. */
  dateTime: string;
  /** Where it stands now. */
  status: Status;
  /** The visitor's name. */
  name: string;
  /** The visitor's phone number. */
  phone: string | null;
  /** The visitor's email address. */
  email: string | null;
  /** When it was changed. */
  updatedAt: string | null;
  /** The fields that have changed, by the service's name for them (`dateTime`). */
  changes: [string, Change][] | null;
}

/** Who called it off. */
export type Canceller =
  /** The visitor. */
  | { tag: "user" }
  /** The office. */
  | { tag: "department" }
  /** Somebody who works there. */
  | { tag: "agent" }
  /** The service itself. */
  | { tag: "system" }
  /** Somebody that this version does not know, as the service writes it. */
  | { tag: "other"; val: string };

/** An appointment that was called off. */
export interface Cancelled {
  /** The service's id of the appointment. */
  id: number;
  /** The office's id. */
  departmentId: number;
  /** The office. */
  department: Department | null;
  /** When it would have taken place, local to the office. */
  dateTime: string;
  /** `cancelled`, as a rule. */
  status: Status;
  /** The visitor's name. */
  name: string;
  /** The visitor's phone number. */
  phone: string | null;
  /** The visitor's email address. */
  email: string | null;
  /** When it was called off. */
  cancelledAt: string | null;
  /** Who called it off. */
  cancelledBy: Canceller | null;
  /** Why, in their words. */
  cancelReason: string | null;
  /** Credits given back to the office. */
  creditsRefunded: number | null;
}

/** An appointment whose visitor was checked in. */
export interface Validated {
  /** The service's id of the appointment. */
  id: number;
  /** The office's id. */
  departmentId: number;
  /** The office. */
  department: Department | null;
  /** When it takes place, local to the office. */
  dateTime: string;
  /** `validated`, as a rule. */
  status: Status;
  /** The visitor's name. */
  name: string;
  /** The visitor's phone number. */
  phone: string | null;
  /** The visitor's email address. */
  email: string | null;
  /** When they were checked in. */
  validatedAt: string | null;
  /** Who checked them in. */
  validatedBy: Agent | null;
}

/** An appointment that has taken place. */
export interface Completed {
  /** The service's id of the appointment. */
  id: number;
  /** The office's id. */
  departmentId: number;
  /** The office. */
  department: Department | null;
  /** When it took place, local to the office. */
  dateTime: string;
  /** `completed`, as a rule. */
  status: Status;
  /** The visitor's name. */
  name: string;
  /** The visitor's phone number. */
  phone: string | null;
  /** The visitor's email address. */
  email: string | null;
  /** When it was over. */
  completedAt: string | null;
  /** How long it took, in minutes. */
  duration: number | null;
  /** What the office noted. */
  notes: string | null;
}
