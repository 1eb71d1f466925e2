// SPDX-License-Identifier: EUPL-1.2
//! A media thread goes before all other work of the machine, where the system allows it: a tick that comes late is heard.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Of 1 to 99 (sched(7)); what the kernel itself must do in time lies far above.
const REALTIME: u8 = 10;

/// Gives this thread a real-time priority; fails where neither CAP_SYS_NICE nor RLIMIT_RTPRIO allows it.
pub(super) fn go_first() -> Result<(), String> {
    let priority = ThreadPriorityValue::try_from(REALTIME)?;
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(priority), policy)
        .map_err(|e| format!("{e:?}"))
}
