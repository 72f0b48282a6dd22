import Foundation

/// How much memory the process may still take.
public enum MemoryRoom {
    /// Bytes that are free: of the machine, of the group that the process is held in, and under the limit of tensors; nil where the
    /// system does not say it.
    public static var available: Int? {
        let limit = Storage.limit == .max ? nil : Storage.limit - min(Storage.bytesAlive, Storage.limit)
        return [machine, group, limit].compactMap { $0 }.min()
    }

    /// What the machine has, without taking it from other processes.
    private static var machine: Int? {
        number(after: "MemAvailable:", in: text("/proc/meminfo")).map { $0 << 10 }
    }

    /// What a control group leaves, version 2 or 1; pages of files that it counts can be given back.
    private static var group: Int? {
        for (folder, most, used) in [
            ("/sys/fs/cgroup", "memory.max", "anon"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "rss"),
        ] {
            guard let limit = Int(text("\(folder)/\(most)").trimmingCharacters(in: .whitespacesAndNewlines)) else {
                continue
            }
            return max(0, limit - (number(after: used + " ", in: text("\(folder)/memory.stat")) ?? 0))
        }
        return nil
    }

    private static func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private static func number(after name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return Int(line.dropFirst(name.count).drop { $0 == " " }.prefix { $0.isNumber })
        }
        return nil
    }
}
