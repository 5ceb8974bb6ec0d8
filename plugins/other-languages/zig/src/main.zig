//! Counts the bookings of each office and day. At the operator's limit the event `day.full` goes out.

const std = @import("std");
const hookyard = @import("hookyard.zig");

comptime {
    hookyard.exportHandler("moncreneau:events/appointment-created@1.0.0", hookyard.Created, handle);
}

fn handle(_: hookyard.Context, appointment: hookyard.Created) !void {
    const limit_text = try hookyard.config("limit") orelse return hookyard.reject("config `limit` is not set");
    const limit = std.fmt.parseInt(i64, limit_text, 10) catch return hookyard.reject("config `limit` is no number");

    // `2026-01-25T14:30:00`; a shorter text is a bug of the sender, and a panic here.
    const day = appointment.date_time.slice()[0..10];
    const allocator = hookyard.arena.allocator();
    const key = try std.fmt.allocPrint(allocator, "{d}/{s}", .{ appointment.department_id, day });
    const booked = try hookyard.increment("days", key, 1);
    try hookyard.log(.info, "office {d} has {d} of {d} on {s}", .{ appointment.department_id, booked, limit, day });
    if (booked != limit) return;
    const json = try std.fmt.allocPrint(allocator, "{{\"office\":{d},\"day\":\"{s}\"}}", .{ appointment.department_id, day });
    try hookyard.emit("day.full", json);
}
