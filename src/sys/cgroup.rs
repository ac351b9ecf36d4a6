//! What the container's cgroup allows.

use super::read_file;
use crate::text;

/// cgroup v1 says "no limit" with the largest multiple of the page size; nothing real is above this.
const NO_LIMIT: u64 = 1 << 60;

/// Whether the container's memory is limited, so that running out of it hurts nobody else.
pub fn has_memory_limit() -> bool {
    let own = read_file("/proc/self/cgroup", 16 * 1024).unwrap_or_default();
    is_limited("/sys/fs/cgroup", &own)
}

/// Looks for a limit on this process's cgroup or one above it, in v1's and v2's files. Inside a container the
/// path of `/proc/self/cgroup` may be the host's; then the root of the mount is the container's own cgroup.
fn is_limited(mount: &str, own: &[u8]) -> bool {
    own.split(|&byte| byte == b'\n').any(|line| {
        let mut parts = line.splitn(3, |&byte| byte == b':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return false };
        let (below, file) = match controllers {
            b"" => ("", "/memory.max"),
            _ if controllers.split(|&byte| byte == b',').any(|name| name == b"memory") => {
                ("/memory", "/memory.limit_in_bytes")
            }
            _ => return false,
        };
        let mut at = path;
        loop {
            let limit = read_file(&text::joined(&[mount, below, &text::lossy(at), file]), 64).unwrap_or_default();
            if text::parse_decimal(limit.trim_ascii()).is_some_and(|limit| limit < NO_LIMIT) {
                return true;
            }
            match at.iter().rposition(|&byte| byte == b'/') {
                Some(slash) => at = &at[..slash],
                None => return false,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn finds_memory_limits_of_both_cgroup_versions() {
        let mount = std::env::temp_dir().join(format!("probeserver-cgroup-{}", std::process::id()));
        let put = |path: &str, text: &str| {
            let file = mount.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put("pod/limited/memory.max", "67108864\n");
        put("pod/free/memory.max", "max\n");
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
            assert_eq!(is_limited(mount.to_str().unwrap(), own.as_bytes()), want, "{own:?}");
        }
        put("memory/memory.limit_in_bytes", "67108864\n");
        assert!(
            is_limited(mount.to_str().unwrap(), b"4:memory:/the/host's/path\n"),
            "the root of the mount is the container's"
        );
        fs::remove_dir_all(&mount).unwrap();
    }
}
