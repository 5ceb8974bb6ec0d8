//! The parts of hookyard's contract that this plugin uses, by hand from `hookyard wit export`.
//!
//! A WIT record has the layout of an extern struct, an option a flag before its value, a variant a tag before
//! its payload. Results longer than a register are written to an address that the caller gives.

const std = @import("std");

/// A WIT string: UTF-8, without a zero at its end.
pub const String = extern struct {
    ptr: [*]const u8,
    len: usize,

    pub fn of(text: []const u8) String {
        return .{ .ptr = text.ptr, .len = text.len };
    }

    pub fn slice(self: String) []const u8 {
        return self.ptr[0..self.len];
    }
};

fn Option(Value: type) type {
    return extern struct { is_some: bool, value: Value };
}

/// `hookyard:plugin/types.context`
pub const Context = extern struct {
    event_id: String,
    event_type: String,
    source: String,
    created: String,
    received_at: u64,
    idempotency_key: String,
    attempt: u32,
};

/// `moncreneau:events/appointments.department`
pub const Department = extern struct {
    id: u64,
    name: String,
    organization: Option(extern struct { id: u64, name: String }),
};

/// `moncreneau:events/appointment-created.created`
pub const Created = extern struct {
    id: u64,
    department_id: u64,
    department: Option(Department),
    date_time: String,
    status: extern struct { tag: u8, other: String },
    name: String,
    phone: Option(String),
    email: Option(String),
    qr_code: Option(String),
    created_at: Option(String),
    credits_used: Option(u32),
};

/// `result<_, failure>`, where `failure` is `retry { reason, after-ms }` or `reject(string)`.
const Outcome = extern struct {
    is_error: bool,
    failure: extern struct {
        tag: Tag,
        payload: extern struct { reason: String, after_ms: Option(u64) },
    },

    const Tag = enum(u8) { retry, reject };
};

/// Memory of one call: what the host writes for the plugin, and what the plugin formats.
pub var arena: std.heap.ArenaAllocator = .init(std.heap.wasm_allocator);

/// Exports a typed handler. `Payload` has the layout of the WIT record.
pub fn exportHandler(comptime interface: []const u8, Payload: type, comptime handle: fn (Context, Payload) anyerror!void) void {
    // Up to 16 values are parameters, more are passed as the address of a record.
    if (countValues(Context) + countValues(Payload) <= 16) {
        @compileError(interface ++ ": a payload of up to 4 values is passed in parameters after the 12 of the context; export a function with these parameters");
    }
    const glue = struct {
        fn call(arguments: *const extern struct { context: Context, payload: Payload }) callconv(.c) *const Outcome {
            outcome = std.mem.zeroes(Outcome);
            handle(arguments.context, arguments.payload) catch |err| if (!outcome.is_error) fail(.retry, @errorName(err));
            return &outcome;
        }

        // The host calls it when it has read the outcome.
        fn release(_: *const Outcome) callconv(.c) void {
            _ = arena.reset(.retain_capacity);
        }
    };
    @export(&glue.call, .{ .name = interface ++ "#handle" });
    @export(&glue.release, .{ .name = "cabi_post_" ++ interface ++ "#handle" });
}

/// The plain values of a type: a string has two, an option its flag and its value.
fn countValues(Value: type) comptime_int {
    if (@typeInfo(Value) != .@"struct") return 1;
    var count = 0;
    for (@typeInfo(Value).@"struct".field_types) |Field| count += countValues(Field);
    return count;
}

/// The host gets memory here for the arguments of a call and for results.
export fn cabi_realloc(old: ?[*]const u8, old_len: usize, alignment: usize, len: usize) ?[*]u8 {
    return allocate(arena.allocator(), old, old_len, alignment, len);
}

/// The host's adapter of preview 1 gets memory here, which it keeps after the call.
export fn cabi_realloc_adapter(old: ?[*]const u8, old_len: usize, alignment: usize, len: usize) ?[*]u8 {
    return allocate(std.heap.wasm_allocator, old, old_len, alignment, len);
}

fn allocate(allocator: std.mem.Allocator, old: ?[*]const u8, old_len: usize, alignment: usize, len: usize) ?[*]u8 {
    // An empty text or list has size 0, which Zig's allocators do not take. Nobody reads from its address.
    if (len == 0) return @ptrFromInt(alignment);
    const new = allocator.rawAlloc(len, .fromByteUnits(alignment), @returnAddress()) orelse return null;
    if (old) |bytes| @memcpy(new[0..@min(old_len, len)], bytes[0..@min(old_len, len)]);
    return new;
}

/// The outcome of the call.
var outcome: Outcome = undefined;

/// Makes the delivery a dead letter, for this reason: `return hookyard.reject("…")`.
pub fn reject(reason: []const u8) error{Rejected} {
    fail(.reject, reason);
    return error.Rejected;
}

fn fail(tag: Outcome.Tag, reason: []const u8) void {
    outcome = std.mem.zeroes(Outcome);
    outcome.is_error = true;
    outcome.failure.tag = tag;
    outcome.failure.payload.reason = .of(reason);
}

pub const Level = enum(u32) { trace, debug, info, warn, err, critical };

pub fn log(level: Level, comptime format: []const u8, arguments: anytype) !void {
    const text = try std.fmt.allocPrint(arena.allocator(), format, arguments);
    imports.log(level, "", 0, text.ptr, text.len);
}

/// The operator's value of a key; null if it is not set.
pub fn config(key: []const u8) error{Config}!?[]const u8 {
    var result: Result(Option(String), Error) = undefined;
    imports.get(key.ptr, key.len, &result);
    const found = try result.orElse(error.Config);
    return if (found.is_some) found.value.slice() else null;
}

/// Adds to a counter in the plugin's store, and returns its new value.
pub fn increment(bucket: []const u8, key: []const u8, delta: i64) error{Store}!i64 {
    var opened: Result(u32, Error) = undefined;
    imports.open(bucket.ptr, bucket.len, &opened);
    const handle = try opened.orElse(error.Store);
    defer imports.@"[resource-drop]bucket"(handle);
    var result: Result(i64, Error) = undefined;
    imports.increment(handle, key.ptr, key.len, delta, &result);
    return result.orElse(error.Store);
}

/// Queues an event, which goes out if the handler returns without an error.
pub fn emit(event_type: []const u8, json: []const u8) error{Rejected}!void {
    var result: Result(String, String) = undefined;
    imports.@"emit-event"(event_type.ptr, event_type.len, json.ptr, json.len, &result);
    if (result.is_error) return reject(result.value.err.slice());
}

/// `error` of `wasi:keyvalue/store` and `wasi:config/store`.
const Error = extern struct { tag: u8, text: String };

fn Result(Ok: type, Err: type) type {
    return extern struct {
        is_error: bool,
        value: extern union { ok: Ok, err: Err },

        fn orElse(self: @This(), err: anytype) @TypeOf(err)!Ok {
            return if (self.is_error) err else self.value.ok;
        }
    };
}

/// The name of a function that Zig gives to the linker is its name in WIT, and the name of its library the interface.
const imports = struct {
    extern "wasi:logging/logging@0.1.0-draft" fn log(Level, [*]const u8, usize, [*]const u8, usize) void;
    extern "wasi:config/store@0.2.0-rc.1" fn get([*]const u8, usize, *Result(Option(String), Error)) void;
    extern "wasi:keyvalue/store@0.2.0-draft2" fn open([*]const u8, usize, *Result(u32, Error)) void;
    extern "wasi:keyvalue/store@0.2.0-draft2" fn @"[resource-drop]bucket"(u32) void;
    extern "wasi:keyvalue/atomics@0.2.0-draft2" fn increment(u32, [*]const u8, usize, i64, *Result(i64, Error)) void;
    extern "hookyard:plugin/outbox@0.1.0" fn @"emit-event"([*]const u8, usize, [*]const u8, usize, *Result(String, String)) void;
};
