//! How many CPUs this process may use: what `--workers auto` goes by.

use std::path::Path;
use std::thread;

use crate::cgroup::{Group, Version};

/// The CPUs that this process may use, at least 1: those of its affinity, and no more than the time that its control
/// group allows, rounded up. (A quota of 2.5 CPUs is used by three processes, and not by two.)
pub fn usable() -> usize {
    bounded(affinity(), quota(Path::new("/")))
}

fn bounded(affinity: usize, quota: Option<f64>) -> usize {
    // A quota is no number of CPUs to be exceeded by, and `as` keeps it within the bounds of usize.
    let allowed = quota.map_or(usize::MAX, |cpus| cpus.ceil() as usize);
    affinity.min(allowed).max(1)
}

#[cfg(target_os = "linux")]
fn affinity() -> usize {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => set.count() as usize,
        // More CPUs than the set has room for: the standard library's own count goes by the quota as well.
        Err(_) => all(),
    }
}

#[cfg(not(target_os = "linux"))]
fn affinity() -> usize {
    all()
}

fn all() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The least that any control group around this process allows, in CPUs. `root` is `/`, but for tests.
fn quota(root: &Path) -> Option<f64> {
    let group = Group::find(root, "cpu")?;
    let quotas: Vec<f64> = match group.version {
        // `200000 100000`, or `max 100000`.
        Version::V2 => group
            .read_each("cpu.max", "")
            .filter_map(|(text, _)| {
                let (quota, period) = text.trim().split_once(' ')?;
                ratio(quota, period)
            })
            .collect(),
        // -1 is no limit.
        Version::V1 => group
            .read_each("cpu.cfs_quota_us", "cpu.cfs_period_us")
            .filter_map(|(quota, period)| ratio(quota.trim(), period.trim()))
            .collect(),
    };
    quotas.into_iter().reduce(f64::min)
}

/// Microseconds of each period; none where one of them is no number above 0.
fn ratio(quota: &str, period: &str) -> Option<f64> {
    let positive = |text: &str| text.parse::<u32>().ok().filter(|&number| number > 0).map(f64::from);
    Some(positive(quota)? / positive(period)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::tests::{Tree, V1_MOUNTS, V2_MOUNT};

    #[test]
    fn every_group_around_counts() {
        let tree = Tree::new(&[("proc/self/cgroup", "0::/a/b\n"), ("proc/self/mountinfo", V2_MOUNT)]);
        assert_eq!(quota(tree.root()), None);
        tree.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
        assert_eq!(quota(tree.root()), None);
        tree.write("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
        assert_eq!(quota(tree.root()), Some(2.5));
        tree.write("sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
        assert_eq!(quota(tree.root()), Some(2.5));
        tree.write("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
        assert_eq!(quota(tree.root()), Some(0.5));
    }

    #[test]
    fn version_1_has_two_files() {
        let tree = Tree::new(&[
            ("proc/self/cgroup", "4:cpu,cpuacct:/x/y\n"),
            ("proc/self/mountinfo", V1_MOUNTS),
            ("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(quota(tree.root()), None);
        tree.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "300000\n");
        assert_eq!(quota(tree.root()), None, "a period is needed");
        tree.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "200000\n");
        assert_eq!(quota(tree.root()), Some(1.5));
    }

    #[test]
    fn files_that_say_something_else_say_nothing() {
        let tree = Tree::new(&[("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", V2_MOUNT)]);
        for text in ["", "max", "100000", "0 100000", "100000 0", "-5 100000", "1e9 100000", "many few\n"] {
            tree.write("sys/fs/cgroup/cpu.max", text);
            assert_eq!(quota(tree.root()), None, "{text}");
        }
    }

    #[test]
    fn parts_of_a_cpu_count_as_one() {
        let cases = [
            (8, None, 8),
            (8, Some(2.0), 2),
            (8, Some(2.01), 3),
            (2, Some(6.0), 2),
            (8, Some(0.1), 1),
            (0, None, 1),
        ];
        for (affinity, quota, expected) in cases {
            assert_eq!(bounded(affinity, quota), expected, "{affinity} {quota:?}");
        }
        assert!(usable() >= 1);
    }
}
