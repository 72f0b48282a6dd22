import Files
import Foundation
import Runs
import TestSupport
import Testing

extension Scratch {
    /// A plan for an experiment in this folder.
    func plan(_ yaml: String = "", defaults: JSON = .object([]), sets: [String] = []) throws -> RunPlan {
        if !has("fidelity.lua") { try write("fidelity.lua", "return {}") }
        try write("fidelity.yaml", "experiment: fidelity.lua\n" + yaml)
        let config = try RunConfig.load(path + "/fidelity.yaml", sets: sets)
        return try RunPlan(config: config, defaults: defaults, program: program())
    }
}

/// A program of some version.
func program(
    _ version: String = "0.1", build: String = "built", kernels: String? = nil, library: LuaLibrary? = nil
) -> ProgramIdentity {
    ProgramIdentity(version: version, build: build, kernels: kernels, library: library)
}

/// A console that shows nothing, as tests have nobody to tell.
let quietConsole = Console(quiet: true)

/// The exit status of the error that `body` throws.
func exitStatus(_ body: () throws -> Void) -> Runs.ExitStatus? {
    do {
        try body()
        return .done
    } catch { return (error as? RunsError)?.exitStatus }
}

/// The SHA-256 of a text.
func sha(_ text: String) -> String { SHA256.hex(of: text) }

/// Where the records of a journal lie.
func journalRecords(_ journal: Data) -> [Range<Int>] {
    var records: [Range<Int>] = []
    var offset = 8
    while offset + 16 <= journal.count {
        let length = (0..<4).reduce(0) { $0 | Int(journal[journal.startIndex + offset + $1]) << (8 * $1) }
        records.append(offset..<offset + 16 + length)
        offset += 16 + length
    }
    return records
}
