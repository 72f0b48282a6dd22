import Files
import Foundation
import Identity

/// What two runs differ in.
public enum RunDiff {
    /// Compares two run folders (or their `run.yaml`): parameters, inputs and results, each difference a line with both
    /// values. No line means that the runs are equal in all of these.
    /// - Parameter most: of inputs, and of results, so many are named and the others counted: they may be as many as films.
    /// - Throws: `FileError` or `RunsError` where a folder does not hold a run.
    public static func compare(_ a: String, _ b: String, most: Int = .max) throws -> [String] {
        let first = try Run(a)
        let second = try Run(b)
        var inputs: [String] = []
        for name in Run.union(first.inputs.map(\.path), second.inputs.map(\.path)) {
            let left = first.inputs.first { $0.path == name }?.sha256
            let right = second.inputs.first { $0.path == name }?.sha256
            if left != right {
                inputs.append("input \(name): \(left ?? "not read") in \(a), \(right ?? "not read") in \(b)")
            }
        }
        return differences(first.parameters, second.parameters, "in \(a)", "in \(b)").map { "parameter \($0)" }
            + programs(first, second, a, b) + cut(inputs, most, "inputs")
            + cut(results(first, second, a, b), most, "results")
    }

    private static func cut(_ lines: [String], _ most: Int, _ what: String) -> [String] {
        guard lines.count > most else { return lines }
        return lines.prefix(most) + ["\(what): \(lines.count - most) more differ; --all names them"]
    }

    /// Which program computed them: the sources and the Lua library, file by file where both runs kept its list.
    private static func programs(_ first: Run, _ second: Run, _ a: String, _ b: String) -> [String] {
        ["chexgen", "build", "kernels", "library", "earlier"].flatMap { key in
            let left = first.provenance[key] ?? .null
            let right = second.provenance[key] ?? .null
            // Runs of older versions do not say what the kernels were compiled for.
            if left == right || key == "kernels" && (left == .null || right == .null) { return [String]() }
            if key == "library", let ours = first.library, let theirs = second.library {
                return ProgramIdentity.changes(ours, theirs, "in \(a)", "in \(b)").map { "program library: \($0)" }
            }
            return differences(left, right, "in \(a)", "in \(b)").map {
                "program \(key)" + ($0.hasPrefix(":") ? $0 : " " + $0)
            }
        }
    }

    private static func results(_ first: Run, _ second: Run, _ a: String, _ b: String) -> [String] {
        if first.csv == second.csv { return [] }
        var lines: [String] = []
        if first.table.rows.count != second.table.rows.count {
            lines.append("results: \(first.table.rows.count) rows in \(a), \(second.table.rows.count) rows in \(b)")
        }
        let columns = Run.union(first.table.header, second.table.header)
        let names = columns.map {
            (name: $0, left: first.table.header.firstIndex(of: $0), right: second.table.header.firstIndex(of: $0))
        }
        for column in names where column.left == nil || column.right == nil {
            lines.append("results: the column \(column.name) is only in \(column.left == nil ? b : a)")
        }
        for (index, (left, right)) in zip(first.table.rows, second.table.rows).enumerated() {
            for column in names {
                guard let l = column.left, let r = column.right, left[l] != right[r] else { continue }
                let cell = "result row \(index + 1), \(column.name)"
                // Identities are long lines of which a field or two differ.
                if let fields = MetricIdentity.differences(between: left[l], and: right[r]) {
                    lines += fields.map { field in
                        let (ours, theirs) = (field.ours, field.theirs)
                        return "\(cell), \(field.field): \(ours.isEmpty ? "absent" : ours) in \(a), "
                            + "\(theirs.isEmpty ? "absent" : theirs) in \(b)"
                    }
                } else {
                    lines.append("\(cell): \(left[l]) in \(a), \(right[r]) in \(b)")
                }
            }
        }
        return lines.isEmpty ? ["results: the files differ, but not in any value"] : lines
    }

    /// The scalars in which two values differ, by path, with both values and where (`in the run`, `now`) they are.
    static func differences(_ a: JSON, _ b: JSON, _ whereA: String, _ whereB: String) -> [String] {
        let left = flat(a)
        let right = flat(b)
        let leftValues = Dictionary(left.map { ($0.path, $0.value) }) { first, _ in first }
        let rightValues = Dictionary(right.map { ($0.path, $0.value) }) { first, _ in first }
        return Run.union(left.map(\.path), right.map(\.path)).compactMap { path in
            let l = leftValues[path]
            let r = rightValues[path]
            if l == r { return nil }
            return "\(path): \(l?.summary ?? "absent") \(whereA), \(r?.summary ?? "absent") \(whereB)"
        }
    }

    private static func flat(_ value: JSON, _ path: String = "") -> [(path: String, value: JSON)] {
        switch value {
        case .object(let entries) where !entries.isEmpty:
            return entries.flatMap { flat($0.value, path.isEmpty ? $0.key : path + "." + $0.key) }
        case .array(let elements) where elements.contains { $0.isNested }:
            return elements.enumerated().flatMap { flat($0.element, "\(path)[\($0.offset + 1)]") }
        default: return [(path, value)]
        }
    }

    /// What is compared of one run.
    private struct Run {
        let parameters: JSON
        let provenance: JSON
        /// The files of the Lua library, where the run kept their list.
        var library: Manifest?
        let inputs: [(path: String, sha256: String)]
        let csv: String
        let table: (header: [String], rows: [[String]])

        init(_ path: String) throws {
            let folder = path.hasSuffix("/run.yaml") ? Paths.folder(path) : path
            guard RunFolder.exists(folder) else { throw FileError.missing(path: folder, hint: "") }
            let node = try RunsError.config { try YAML.read(folder + "/" + RunFolder.Names.config) }
            let config = try RunConfig(node: node, path: folder + "/" + RunFolder.Names.config)
            guard case .object(let entries) = node.value else { throw node.error("this is no config of a run") }
            provenance = config.provenance
            // Whether a run came to its end shows in the results.
            let machine = (provenance.object ?? []).filter {
                !["chexgen", "build", "kernels", "library", "earlier", "finished"].contains($0.key)
            }
            parameters = .object(
                entries.filter { !["pins", "folder", "experiment", "provenance"].contains($0.key) } + machine)
            library = provenance["library"]?.string.flatMap { hash in
                let file = "\(folder)/\(Pins.manifestFolder)/\(LuaLibrary.manifestName(hash))"
                return (try? FileReader.text(file, limit: 16 << 20)).flatMap { try? Manifest($0, name: file) }
            }
            // The same file has another relative path from another folder, so files are compared by absolute path.
            var inputs = config.pins
            // An image folder is compared file by file where both manifests are at hand.
            for (root, hash) in config.pins where root.hasSuffix("/") {
                let name = Pins.manifestName(root: String(root.dropLast()), sha256: hash)
                let file = "\(folder)/\(Pins.manifestFolder)/\(name)"
                guard let text = try? FileReader.text(file, limit: 1 << 30),
                    let manifest = try? Manifest(text, name: file)
                else { continue }
                inputs.removeAll { $0.path == root }
                inputs += manifest.hashes.map { (Paths.absolute($0.key, from: root), $0.value) }
                    .sorted { $0.0 < $1.0 }
            }
            // What a run made itself and read again is no input of it; other versions pinned it, too.
            let own = Paths.absolute(folder) + "/"
            self.inputs = inputs.filter { !$0.path.hasPrefix(own) }
            csv = try FileReader.text(folder + "/" + RunFolder.Names.csv, limit: 1 << 30)
            let results = try ResultTables.table(csv, path: folder + "/" + RunFolder.Names.csv)
            table = (
                results?.columns ?? [],
                results.map { results in
                    (0..<results.rowCount).map { row in results.columns.indices.map { results.text(row, $0) } }
                } ?? []
            )
        }

        /// The elements of both lists, each once, in the order of the first.
        static func union(_ a: [String], _ b: [String]) -> [String] {
            var seen: Set<String> = []
            return (a + b).filter { seen.insert($0).inserted }
        }
    }
}

extension JSON {
    /// Whether this is a list or a map.
    fileprivate var isNested: Bool {
        switch self {
        case .array, .object: return true
        default: return false
        }
    }
}
