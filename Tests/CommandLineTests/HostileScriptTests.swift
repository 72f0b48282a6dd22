import Foundation
import TestSupport
import Testing

/// Every script of `Tests/Lua/hostile` ends in a Lua error or cleanly. Its header says which: `-- options:` are those of
/// `chexgen run`, `-- expect:` is the exit status and a word that it must print; `any` is any status but a crash.
@Suite struct HostileScriptTests {
    private static let folder = Places.package + "/Tests/Lua/hostile"
    private static let scripts =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".lua") }.sorted()

    private func header(_ name: String, of text: String) -> [String] {
        let prefix = "-- \(name): "
        let line = text.split(separator: "\n").first { $0.hasPrefix(prefix) } ?? ""
        return line.dropFirst(prefix.count).split(separator: " ").map(String.init)
    }

    @Test func theyAreThere() { #expect(Self.scripts.count >= 36) }

    @Test(arguments: scripts)
    func endsAsExpected(script: String) throws {
        let path = "\(Self.folder)/\(script)"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let expected = header("expect", of: text)
        let folder = try Scratch()
        let child = try Child(["run", path] + header("options", of: text), in: folder)
        var peak = 0
        _ = child.waits {
            peak = max(peak, child.peak)
            return false
        }
        let outcome = try child.wait()
        let wanted = try #require(expected.first, "\(script) has no line `-- expect:`")
        if wanted == "any" {
            #expect(outcome.status < 128, "\(outcome.text)")
        } else {
            #expect(outcome.status == Int32(wanted), "\(outcome.text)")
        }
        let words = expected.dropFirst().joined(separator: " ")
        #expect(words.isEmpty || outcome.text.contains(words), "\(outcome.text)")
        // Four hundred garbage tensors of 40 MB must not pile up, nor may anything else.
        #expect(peak < 600 << 20, "\(peak >> 20) MB")
        #expect(script != "garbage_tensors.lua" || peak > 40 << 20, "\(peak >> 20) MB were seen")
    }
}
