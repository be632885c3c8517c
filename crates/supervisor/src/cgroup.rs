//! The control group that this process is in: its limits, and whom the kernel has killed in it.
//!
//! Both versions are read: v2 (one tree), and v1 (a tree for each controller). Where the trees are mounted, and which part
//! of them, `/proc/self/mountinfo` says: in a container the process often sees no more than its own part.

use std::fs;
use std::path::{Path, PathBuf};

/// The directories of one controller: the group of the process first, then every group around it that can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which files there are.
    pub version: Version,
    directories: Vec<PathBuf>,
}

/// The two kinds of control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A tree for each controller.
    V1,
    /// One tree.
    V2,
}

impl Group {
    /// The group of this process for `controller` (`cpu`, `memory`): that of version 1 if it has one there, since a
    /// controller can be in one version only. `root` is `/`, but for tests.
    ///
    /// None if there is none: not on Linux, or nothing is mounted.
    pub fn find(root: &Path, controller: &str) -> Option<Self> {
        let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
        let of = |wanted: &dyn Fn(&str) -> bool| groups.lines().find_map(|line| path_of(line, wanted));
        let v1 = of(&|controllers| controllers.split(',').any(|one| one == controller))
            .and_then(|path| directories(root, &mounts, path, &|mount| mount.has_controller(controller)))
            .map(|directories| Self { version: Version::V1, directories });
        v1.or_else(|| {
            let path = of(&str::is_empty)?;
            let directories = directories(root, &mounts, path, &|mount| mount.kind == "cgroup2")?;
            Some(Self { version: Version::V2, directories })
        })
    }

    /// The content of a file of the process's own group.
    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.directories.first()?.join(name)).ok()
    }

    /// The content of the two files in each group, from the own one outwards, where the first exists; the second may be
    /// missing.
    pub(crate) fn read_each<'a>(
        &'a self,
        name: &'a str,
        other: &'a str,
    ) -> impl Iterator<Item = (String, String)> + 'a {
        self.directories.iter().filter_map(move |directory| {
            let text = fs::read_to_string(directory.join(name)).ok()?;
            Some((text, fs::read_to_string(directory.join(other)).unwrap_or_default()))
        })
    }
}

/// How many processes of this control group the kernel has killed for want of memory, ever. Two readings, before and
/// after a process was killed by SIGKILL, tell whether it was that.
///
/// None if nothing is counted: no control group, or an old kernel.
pub fn oom_kills(root: &Path) -> Option<u64> {
    let group = Group::find(root, "memory")?;
    let text = group.read(match group.version {
        Version::V1 => "memory.oom_control",
        Version::V2 => "memory.events",
    })?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// The path in a line `7:cpu,cpuacct:/path` of `/proc/self/cgroup` whose controllers are the wanted ones.
fn path_of<'a>(line: &'a str, wanted: &dyn Fn(&str) -> bool) -> Option<&'a str> {
    let mut parts = line.splitn(3, ':').skip(1);
    parts.next().filter(|controllers| wanted(controllers))?;
    parts.next()
}

/// A line of `/proc/self/mountinfo`.
struct Mount<'a> {
    /// Which directory of the file system is seen here.
    root: String,
    place: String,
    kind: &'a str,
    /// Options of the file system; for a tree of version 1, its controllers are among them.
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(3);
        let mut back = back.split(' ');
        Some(Self {
            root: unescaped(front.next()?),
            place: unescaped(front.next()?),
            kind: back.next()?,
            options: back.nth(1).unwrap_or_default(),
        })
    }

    fn has_controller(&self, controller: &str) -> bool {
        self.kind == "cgroup" && self.options.split(',').any(|option| option == controller)
    }
}

/// Where the group `path` is in the file system, and the groups around it up to where the tree is mounted.
fn directories(
    root: &Path,
    mounts: &str,
    path: &str,
    wanted: &dyn Fn(&Mount<'_>) -> bool,
) -> Option<Vec<PathBuf>> {
    let mount = mounts.lines().filter_map(Mount::of).find(wanted)?;
    let top = root.join(mount.place.trim_start_matches('/'));
    // Outside of what is mounted (`/../..`, in a namespace that was entered later) the own group is the top one.
    let inside = Path::new(path).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let inside = if inside.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        inside
    } else {
        Path::new("")
    };
    Some(inside.ancestors().map(|ancestor| top.join(ancestor)).collect())
}

/// A path of `mountinfo`, in which blanks and backslashes are written as three octal digits.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code =
            after.get(..3).filter(|_| byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[3..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A tree of files that looks like a system's.
    pub(crate) struct Tree(tempfile::TempDir);

    impl Tree {
        pub(crate) fn new(files: &[(&str, &str)]) -> Self {
            let tree = Self(tempfile::TempDir::new().unwrap());
            for (path, text) in files {
                tree.write(path, text);
            }
            tree
        }

        pub(crate) fn write(&self, path: &str, text: &str) {
            let path = self.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        pub(crate) fn root(&self) -> &Path {
            self.0.path()
        }
    }

    pub(crate) const V2_MOUNT: &str = "\
        25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n\
        31 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    pub(crate) const V1_MOUNTS: &str = "\
        31 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n\
        33 31 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
        36 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:16 - cgroup cgroup rw,cpu,cpuacct\n\
        37 31 0:32 /docker/a\\040b /sys/fs/cgroup/memory rw master:17 - cgroup cgroup rw,memory\n";

    fn relative(tree: &Tree, group: &Group) -> Vec<String> {
        let directories = group.directories.iter();
        directories.map(|path| path.strip_prefix(tree.root()).unwrap().display().to_string()).collect()
    }

    #[test]
    fn the_groups_around_a_group_are_its_own() {
        let tree = Tree::new(&[("proc/self/cgroup", "0::/a/b\n"), ("proc/self/mountinfo", V2_MOUNT)]);
        let group = Group::find(tree.root(), "cpu").unwrap();
        assert_eq!(group.version, Version::V2);
        assert_eq!(relative(&tree, &group), ["sys/fs/cgroup/a/b", "sys/fs/cgroup/a", "sys/fs/cgroup"]);
    }

    #[test]
    fn controllers_of_version_1_have_trees_of_their_own() {
        let groups = "9:memory:/docker/a b/c\n4:cpu,cpuacct:/docker/x\n0::/elsewhere\n";
        let tree = Tree::new(&[("proc/self/cgroup", groups), ("proc/self/mountinfo", V1_MOUNTS)]);
        let cpu = Group::find(tree.root(), "cpu").unwrap();
        assert_eq!((cpu.version, relative(&tree, &cpu).len()), (Version::V1, 3));
        assert_eq!(relative(&tree, &cpu)[0], "sys/fs/cgroup/cpu,cpuacct/docker/x");
        let memory = Group::find(tree.root(), "memory").unwrap();
        assert_eq!(relative(&tree, &memory), ["sys/fs/cgroup/memory/c", "sys/fs/cgroup/memory"]);
        // One that version 1 does not have is in version 2.
        let pids = Group::find(tree.root(), "pids").unwrap();
        assert_eq!(
            (pids.version, relative(&tree, &pids)[0].as_str()),
            (Version::V2, "sys/fs/cgroup/unified/elsewhere")
        );
    }

    #[test]
    fn a_group_outside_of_what_is_mounted_is_the_top_one() {
        for path in ["/../../other", "/elsewhere/x"] {
            let mounts = V2_MOUNT.replace("0:26 / ", "0:26 /mine ");
            let tree =
                Tree::new(&[("proc/self/cgroup", &format!("0::{path}\n")), ("proc/self/mountinfo", &mounts)]);
            let group = Group::find(tree.root(), "cpu").unwrap();
            assert_eq!(relative(&tree, &group), ["sys/fs/cgroup"], "{path}");
        }
    }

    #[test]
    fn kills_are_read_from_either_version() {
        let tree = Tree::new(&[
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/a/memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 1\n"),
        ]);
        assert_eq!(oom_kills(tree.root()), Some(2));
        let tree = Tree::new(&[
            ("proc/self/cgroup", "9:memory:/docker/a b\n0::/\n"),
            ("proc/self/mountinfo", V1_MOUNTS),
            ("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"),
        ]);
        assert_eq!(oom_kills(tree.root()), Some(5));
    }

    #[test]
    fn nothing_is_known_where_nothing_is_told() {
        assert_eq!(oom_kills(Tree::new(&[]).root()), None);
        let strange =
            [("proc/self/cgroup", "nonsense\n::\n0::/a"), ("proc/self/mountinfo", "1 - \n2 3 4 - cgroup2\n")];
        assert_eq!(oom_kills(Tree::new(&strange).root()), None);
        let empty = [("proc/self/cgroup", "0::/a\n"), ("proc/self/mountinfo", V2_MOUNT)];
        assert_eq!(oom_kills(Tree::new(&empty).root()), None);
    }
}
