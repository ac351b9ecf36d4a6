//! What the container's cgroup allows.

use super::read_file;
use crate::text;

/// Where cgroups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";
/// cgroup v1 says "no limit" with the largest multiple of the page size; nothing real is above this.
const NO_LIMIT: u64 = 1 << 60;

/// Whether the container's memory is limited, so that running out of it hurts nobody else.
pub fn has_memory_limit() -> bool {
    smallest(MOUNT, &own(), "memory", memory_of).is_some()
}

/// How many CPUs the container's quota allows, if it has one.
pub(super) fn cpu_quota() -> Option<u64> {
    smallest(MOUNT, &own(), "cpu", cpus_of)
}

fn own() -> Vec<u8> {
    read_file("/proc/self/cgroup", 16 * 1024).unwrap_or_default()
}

/// A limit as a folder of cgroup v2 (or else v1) has it, if it has one.
type LimitOf = fn(folder: &str, is_v2: bool) -> Option<u64>;

fn memory_of(folder: &str, is_v2: bool) -> Option<u64> {
    let text = contents(folder, if is_v2 { "/memory.max" } else { "/memory.limit_in_bytes" });
    text::parse_decimal(text.trim_ascii()).filter(|&limit| limit < NO_LIMIT)
}

/// The quota is in microseconds of a period.
fn cpus_of(folder: &str, is_v2: bool) -> Option<u64> {
    let mut text = contents(folder, if is_v2 { "/cpu.max" } else { "/cpu.cfs_quota_us" });
    if !is_v2 {
        text.append(&mut contents(folder, "/cpu.cfs_period_us"));
    }
    let mut words = text.split(u8::is_ascii_whitespace).map(text::parse_decimal);
    let (quota, period) = (words.next()??, words.next()??);
    quota.checked_div(period)
}

fn contents(folder: &str, file: &str) -> Vec<u8> {
    read_file(&text::joined(&[folder, file]), 64).unwrap_or_default()
}

/// The smallest limit of this process's cgroup and those above it, in v1's files and v2's. Inside a container the path of
/// `/proc/self/cgroup` may be the host's; then the root of the mount is the container's own cgroup.
fn smallest(mount: &str, own: &[u8], controller: &str, limit_of: LimitOf) -> Option<u64> {
    let mut smallest = u64::MAX;
    for line in own.split(|&byte| byte == b'\n') {
        let behind_number = text::split_once(line, b':').unwrap_or_default().1;
        let Some((controllers, path)) = text::split_once(behind_number, b':') else { continue };
        let is_v2 = controllers.is_empty();
        if !is_v2 && controllers.split(|&byte| byte == b',').all(|name| name != controller.as_bytes()) {
            continue;
        }
        let (slash, hierarchy) = if is_v2 { ("", "") } else { ("/", controller) };
        let mut folder = text::joined(&[mount, slash, hierarchy, &text::lossy(path)]);
        while folder.len() >= mount.len() {
            smallest = smallest.min(limit_of(&folder, is_v2).unwrap_or(u64::MAX));
            folder.truncate(folder.bytes().rposition(|byte| byte == b'/').unwrap_or_default());
        }
    }
    Some(smallest).filter(|&limit| limit < u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn finds_the_smallest_limit_of_both_cgroup_versions() {
        let mount = std::env::temp_dir().join(format!("probeserver-cgroup-{}", std::process::id()));
        let put = |path: &str, text: &str| {
            let file = mount.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put("pod/limited/memory.max", "67108864\n");
        put("pod/free/memory.max", "max\n");
        put("pod/cpu.max", "250000 100000\n");
        put("pod/limited/cpu.max", "max 100000\n");
        put("pod/free/cpu.max", "50000 100000\n");
        put("cpu/v1/cpu.cfs_quota_us", "300000\n");
        put("cpu/v1/cpu.cfs_period_us", "100000\n");
        put("cpu/v1/free/cpu.cfs_quota_us", "-1\n");
        put("cpu/v1/free/cpu.cfs_period_us", "100000\n");
        put("memory/v1/limited/memory.limit_in_bytes", "67108864\n");
        put("memory/v1/free/memory.limit_in_bytes", "9223372036854771712\n");
        for (own, want) in [
            ("0::/pod/limited\n", true),
            ("0::/pod/limited/below\n", true),
            ("0::/pod/free\n", false),
            ("0::/\n", false),
            ("5:cpu:/v1/limited\n4:memory:/v1/limited\n", true),
            ("4:memory:/v1/free\n0::/\n", false),
            ("", false),
        ] {
            let is_limited = smallest(mount.to_str().unwrap(), own.as_bytes(), "memory", memory_of).is_some();
            assert_eq!(is_limited, want, "{own:?}");
        }
        for (own, want) in [
            ("0::/pod/limited\n", Some(2)),
            ("0::/pod/free\n", Some(0)),
            ("0::/\n", None),
            ("2:cpu,cpuacct:/v1/free\n", Some(3)),
            ("2:cpuset:/v1/free\n", None),
        ] {
            assert_eq!(smallest(mount.to_str().unwrap(), own.as_bytes(), "cpu", cpus_of), want, "{own:?}");
        }
        put("memory/memory.limit_in_bytes", "67108864\n");
        assert!(
            smallest(mount.to_str().unwrap(), b"4:memory:/the/host's/path\n", "memory", memory_of).is_some(),
            "the root of the mount is the container's"
        );
        fs::remove_dir_all(&mount).unwrap();
    }
}
