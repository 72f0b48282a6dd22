import Files
import Foundation
import Runs

/// What was run and pinned: parameters, program, machine, inputs, attempts, files.
struct RunFacts {
    private let run: RunResults
    private let discretion: Discretion
    private var config: RunConfig { run.record.config }

    init(_ run: RunResults, _ discretion: Discretion) { (self.run, self.discretion) = (run, discretion) }

    var html: HTML { "\(parameters)\(program)\(inputs)\(attempts)\(files)" }

    private func list(_ entries: [(name: String, text: String)]) -> HTML {
        let shown = entries.prefix(ReportPage.Limits.entries)
        let more = entries.count - shown.count
        let cut: HTML? = more > 0 ? "<p class=\"small soft\">\(Readable.count(more)) more in run.yaml</p>" : nil
        return
            "<dl class=\"list\">\(shown.map { "<dt>\($0.name)</dt><dd>\(Readable.cut($0.text, 600))</dd>" as HTML })</dl>\(cut)"
    }

    private var parameters: HTML {
        // Parameters that are not set say nothing, and most experiments have many.
        let all = RunFacts.flat(config.params.value)
        let given = all.filter { ![.null, .string(""), .object([]), .array([])].contains($0.value) }
        var entries = given.map { (name: $0.name, text: discretion.parameter($0.name, $0.value)) }
        if let sweep = config.sweep?.value {
            entries += RunFacts.flat(sweep, "sweep").map { ($0.name, discretion.parameter($0.name, $0.value)) }
        }
        entries += [("seed", String(config.seed)), ("dtype", config.dtype)]
        if let threads = config.threads { entries.append(("threads", String(threads))) }
        let unset = all.count - given.count
        let more: HTML? = unset > 0 ? "<p class=\"small soft\">\(Readable.count(unset)) more are not set</p>" : nil
        return """
            <details open><summary>Parameters <span>\(Readable.count(entries.count))</span></summary>\(list(entries))\(more)</details>
            """
    }

    /// The values of a tree, by path.
    private static func flat(_ value: JSON, _ path: String = "") -> [(name: String, value: JSON)] {
        switch value {
        case .object(let entries) where !entries.isEmpty:
            return entries.flatMap { flat($0.value, path.isEmpty ? $0.key : "\(path).\($0.key)") }
        case .array(let elements) where elements.contains { $0.object != nil }:
            return elements.prefix(100).enumerated().flatMap { flat($0.element, "\(path)[\($0.offset + 1)]") }
        default: return [(path, value)]
        }
    }

    private var program: HTML {
        let provenance = config.provenance
        var entries: [(name: String, text: String)] = []
        for (key, name) in [
            ("chexgen", "chexgen"), ("build", "sources"), ("library", "Lua library"), ("configuration", "build"),
            ("kernels", "kernels for"),
        ] {
            if let text = provenance[key]?.string { entries.append((name, text)) }
        }
        for library in provenance["libraries"]?.object ?? [] {
            entries.append((library.key, library.value.string ?? library.value.summary))
        }
        if let features = provenance["cpu_features"]?.array {
            entries.append(("processor has", features.compactMap(\.string).joined(separator: " ")))
        }
        if let machine = run.record.attempts.last?["machine"]?.object {
            entries += machine.map { ($0.key, $0.value.string ?? $0.value.summary) }
        }
        if let earlier = provenance["earlier"]?.array, !earlier.isEmpty {
            entries.append(("other programs", "\(earlier.count) computed a part of the run before this one"))
        }
        return "<details><summary>Program and machine</summary>\(list(entries))</details>"
    }

    private var inputs: HTML {
        let pins = config.pins
        let shown = pins.prefix(ReportPage.Limits.entries).enumerated().map { index, pin -> HTML in
            let name: HTML
            if discretion.isPrivate {
                let ending = Paths.ending(pin.path)
                let isKnown = ["lua", "csv", "yaml", "safetensors", "pth", "json", "txt", "gz"].contains(ending)
                name =
                    pin.path.hasSuffix("/")
                    ? "folder \(index + 1)" : "file \(index + 1)\(isKnown ? ", ." + ending : "")"
            } else {
                name = "\(pin.path)"
            }
            return
                "<tr><td class=\"t wide\">\(name)</td><td class=\"t mono\" title=\"\(pin.sha256)\">\(String(pin.sha256.prefix(16)))…</td></tr>\n"
        }
        let more = pins.count - shown.count
        let table: HTML =
            shown.isEmpty
            ? "<p class=\"soft small\">The run has no pins.</p>"
            : """
            <div class="scroll tall"><table class="sortable"><thead><tr><th class="t" scope="col">input</th><th class="t" scope="col">\
            SHA-256</th></tr></thead><tbody>
            \(shown)</tbody></table></div>
            """
        let cut: HTML? = more > 0 ? "<p class=\"small soft\">\(Readable.count(more)) more in run.yaml</p>" : nil
        return
            "<details><summary>Inputs <span>\(Readable.count(pins.count)), pinned by hash</span></summary>\(table)\(cut)</details>"
    }

    private var attempts: HTML? {
        guard !run.record.attempts.isEmpty else { return nil }
        let lines = run.record.attempts.prefix(50).map { attempt -> HTML in
            let exit = attempt["exit"]?.integer.map(String.init) ?? attempt["exit"]?.string ?? "goes on, or was killed"
            let cells = (attempt["cells"]?.object ?? []).map { "\($0.value.summary) \($0.key)" }.joined(separator: ", ")
            return """
                <tr><td class="t">\((attempt["started"]?.string).map(Readable.time) ?? "—")</td>\
                <td>\((attempt["seconds"]?.number).map(Readable.seconds) ?? "—")</td>\
                <td>\((attempt["peak_memory_bytes"]?.integer).map(Readable.bytes) ?? "—")</td><td class="t">\(cells)</td>\
                <td class="t">\(exit)</td></tr>

                """
        }
        return """
            <details><summary>Attempts <span>\(Readable.count(run.record.attempts.count))</span></summary><div class="scroll"><table>\
            <thead><tr><th class="t">begun</th><th>took</th><th>most memory</th><th class="t">cells</th><th class="t">exit status</th>\
            </tr></thead><tbody>
            \(lines)</tbody></table></div></details>
            """
    }

    private var files: HTML? {
        guard !run.files.isEmpty else { return nil }
        let bytes = run.files.reduce(0) { $0 &+ $1.bytes }
        let summary: HTML =
            "Artifacts <span>\(Readable.count(run.files.count, "file")), \(Readable.bytes(bytes))</span>"
        if discretion.isPrivate {
            return
                "<details><summary>\(summary)</summary><p class=\"soft small\">Their names are left out.</p></details>"
        }
        let shown = run.files.prefix(ReportPage.Limits.entries).map { file -> HTML in
            "<tr><td class=\"t wide\">\(file.name)</td><td data-v=\"\(file.bytes)\">\(Readable.bytes(file.bytes))</td></tr>\n"
        }
        let more = run.files.count - shown.count
        let cut: HTML? = more > 0 ? "<p class=\"small soft\">\(Readable.count(more)) more in the run folder</p>" : nil
        return """
            <details><summary>\(summary)</summary><div class="scroll tall"><table class="sortable"><thead><tr><th class="t">file</th>\
            <th>size</th></tr></thead><tbody>
            \(shown)</tbody></table></div>\(cut)</details>
            """
    }
}
