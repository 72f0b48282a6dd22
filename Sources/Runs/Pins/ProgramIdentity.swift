import Files

/// Which program computes a run: all of it that can change a number and is neither a parameter nor a file that the run reads.
public struct ProgramIdentity {
    /// The version, as people say it.
    public let version: String
    /// The SHA-256 of the sources that the program was built from.
    public let build: String
    /// The processors that its kernels were compiled for, such as `x86-64-v3`; nil where nobody knows.
    public let kernels: String?
    /// The part of the library that is written in Lua; nil where there is none.
    public let library: LuaLibrary?
    /// What is noted of the machine's share and not compared: the configuration of the build, libraries that were linked.
    public let notes: [(key: String, value: JSON)]

    /// An identity.
    public init(
        version: String, build: String, kernels: String? = nil, library: LuaLibrary? = nil,
        notes: [(key: String, value: JSON)] = []
    ) {
        self.version = version
        self.build = build
        self.kernels = kernels
        self.library = library
        self.notes = notes
    }

    /// What is compared, as `run.yaml` and the journal hold it.
    var fields: [(key: String, value: JSON)] {
        var fields: [(key: String, value: JSON)] = [
            ("chexgen", .string(version)), ("build", .string(build)),
            ("library", library.map { .string($0.sha256) } ?? .null),
        ]
        if let kernels { fields.append(("kernels", .string(kernels))) }
        return fields
    }

    /// What is noted, as `run.yaml` and the journal hold it.
    var machine: [(key: String, value: JSON)] {
        notes + [("cpu_features", .array(Machine.cpuFeatures.map { .string($0) }))]
    }

    /// In what the program of a run differs from this one, a line each; none where it is this one.
    /// - Parameters:
    ///   - noted: the `fields` of that program.
    ///   - manifests: the folder where the run keeps its manifests, so that changed files of the library can be named.
    func differences(from noted: JSON, manifests: String) -> [String] {
        let own = JSON.object(fields)
        return [
            ("chexgen", "chexgen"), ("build", "its sources"), ("kernels", "what its kernels were compiled for"),
            ("library", "its Lua library"),
        ].flatMap { key, name in
            let before = noted[key] ?? .null
            let now = own[key] ?? .null
            // Runs of older versions do not say what the kernels were compiled for.
            if before == now || key == "kernels" && (before == .null || now == .null) { return [String]() }
            if key == "library", let hash = before.string, let changed = changedFiles(since: hash, manifests) {
                return changed.map { "\(name): \($0)" }
            }
            return ["\(name): \(ProgramIdentity.text(before)) in the run, \(ProgramIdentity.text(now)) now"]
        }
    }

    private func changedFiles(since hash: String, _ manifests: String) -> [String]? {
        guard let library else { return nil }
        let file = "\(manifests)/\(LuaLibrary.manifestName(hash))"
        guard let text = try? FileReader.text(file, limit: 16 << 20), SHA256.hex(of: text) == hash,
            let manifest = try? Manifest(text, name: file)
        else { return nil }
        return ProgramIdentity.changes(manifest, library.manifest, "in the run", "now")
    }

    /// The files in which two libraries differ, a line each.
    static func changes(_ a: Manifest, _ b: Manifest, _ whereA: String, _ whereB: String) -> [String] {
        Set(a.hashes.keys).union(b.hashes.keys).sorted().compactMap { name in
            let left = a.hashes[name]
            let right = b.hashes[name]
            if left == right { return nil }
            func text(_ hash: String?) -> String { hash.map { String($0.prefix(12)) } ?? "no such file" }
            return "\(name) is \(text(left)) \(whereA), \(text(right)) \(whereB)"
        }
    }

    /// A value for people: hashes are told apart by their beginning.
    private static func text(_ value: JSON) -> String {
        guard let text = value.string else { return "none" }
        return text.utf8.count == 64 ? String(text.prefix(12)) : text
    }
}
