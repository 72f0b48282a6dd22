import Files
import Foundation
import Runs
import TestSupport
import Testing

/// The program that computes a run is an input of it, as any file.
@Suite struct ProgramTests {
    private func create(_ scratch: Scratch, _ plan: RunPlan, _ name: String = "run") throws -> RunFolder {
        try RunFolder.create(at: "\(scratch.path)/\(name)", plan: plan, command: [], console: quietConsole)
    }

    private func resume(_ scratch: Scratch, _ plan: RunPlan, allows: Bool = false) throws -> RunFolder {
        try RunFolder.resume(
            scratch.path + "/run", plan: plan, command: [], allowsOtherProgram: allows, console: quietConsole)
    }

    private func library(_ scratch: Scratch) throws -> LuaLibrary { try LuaLibrary(folder: scratch.path + "/lua") }

    private func plan(_ scratch: Scratch, _ program: ProgramIdentity) throws -> RunPlan {
        try RunPlan(config: try scratch.plan().config, defaults: .object([]), program: program)
    }

    @Test func theLibrarysHashIsThatOfItsTexts() throws {
        let scratch = try Scratch()
        try scratch.write("lua/chexgen/a.lua", "return 1")
        try scratch.write("lua/chexgen/deep/b.lua", "return 2")
        let first = try library(scratch)
        // What `require` does not read is no part of it.
        try scratch.write("lua/chexgen/a.lua~", "return 3")
        try scratch.write("lua/other.lua", "return 4")
        #expect(try library(scratch).sha256 == first.sha256)
        // A link that leads back to its own folder ends.
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/elsewhere", withDestinationPath: scratch.path + "/lua")
        #expect(try LuaLibrary(folder: scratch.path + "/elsewhere").sha256 == first.sha256)
        #expect(try first.holds(module: scratch.path + "/lua/chexgen/a.lua", sha256: sha("return 1")))
        #expect(try !first.holds(module: scratch.path + "/lua/other.lua", sha256: sha("return 4")))
        for (name, text) in [("a.lua", "return 5"), ("new.lua", "")] {
            #expect(
                exitStatus { _ = try first.holds(module: "\(scratch.path)/lua/chexgen/\(name)", sha256: sha(text)) }
                    == .pin)
        }
        for (name, text) in [("deep/b.lua", "return 5"), ("c.lua", "")] {
            let old = try? scratch.text("lua/chexgen/" + name)
            try scratch.write("lua/chexgen/" + name, text)
            #expect(try library(scratch).sha256 != first.sha256, "\(name)")
            if let old { try scratch.write("lua/chexgen/" + name, old) }
        }
    }

    @Test func anotherProgramIsRefusedAndNamed() throws {
        let scratch = try Scratch()
        try scratch.write("lua/chexgen/a.lua", "return 1")
        let first = try program(library: library(scratch))
        try create(scratch, plan(scratch, first)).finish(exit: .done)
        let config = try RunConfig.load(scratch.path + "/run/run.yaml")
        try config.check(first)
        try scratch.write("lua/chexgen/a.lua", "return 2")
        let others = [
            (program("0.2", library: first.library), "chexgen: 0.1 in the run, 0.2 now"),
            (program(build: "changed", library: first.library), "its sources: built in the run, changed now"),
            (program(), "its Lua library: \(first.library?.sha256.prefix(12) ?? "") in the run, none now"),
            (
                try program(library: library(scratch)),
                "its Lua library: chexgen/a.lua is \(sha("return 1").prefix(12)) in the run, \(sha("return 2").prefix(12)) now"
            ),
        ]
        for (other, wanted) in others {
            let repeated: () throws -> Void = { try config.check(other) }
            let resumed: () throws -> Void = { _ = try resume(scratch, plan(scratch, other)) }
            for body in [repeated, resumed] {
                #expect(exitStatus(body) == .pin)
                #expect(
                    message(body).contains(wanted) && message(body).contains("--allow-changed-program"),
                    "\(message(body))")
            }
        }
        // A config that no run wrote names no program; one of an older version does, but for its sources.
        try scratch.plan().config.check(first)
        let text = try scratch.text("run/run.yaml").replacing(#/  (build|library): .*\n/#, with: "")
        try scratch.write("run/run.yaml", text)
        #expect(
            message { try RunConfig.load(scratch.path + "/run/run.yaml").check(first) }
                .contains("its sources: none in the run, built now"))
    }

    /// Kernels of other processors may round otherwise; a run that does not say which it had is taken for the same.
    @Test func kernelsOfOtherProcessorsAreAnotherProgram() throws {
        let scratch = try Scratch()
        let (own, other) = (program(kernels: "native"), program(kernels: "x86-64-v3"))
        try create(scratch, plan(scratch, own)).finish(exit: .done)
        let config = try RunConfig.load(scratch.path + "/run/run.yaml")
        try config.check(own)
        let wanted = "what its kernels were compiled for: native in the run, x86-64-v3 now"
        for body in [{ try config.check(other) }, { _ = try resume(scratch, plan(scratch, other)) }] {
            #expect(exitStatus(body) == .pin)
            #expect(message(body).contains(wanted), "\(message(body))")
        }
        try create(scratch, plan(scratch, other), "b").finish(exit: .done)
        let (a, b, c) = (scratch.path + "/run", scratch.path + "/b", scratch.path + "/c")
        #expect(try RunDiff.compare(a, b) == ["program kernels: native in \(a), x86-64-v3 in \(b)"])
        // A run of an older version: compared with nothing, resumed by this program, and by no other one.
        try create(scratch, plan(scratch, program()), "c").finish(exit: .done)
        try RunConfig.load(c + "/run.yaml").check(other)
        #expect(try RunDiff.compare(a, c).isEmpty)
        _ = try RunFolder.resume(
            c, plan: plan(scratch, other), command: [], allowsOtherProgram: false, console: quietConsole)
        #expect(try !scratch.text("c/run.yaml").contains("earlier:"))
    }

    /// Where the user lets another program go on, the run says so, and neither program alone may repeat it in silence.
    @Test func twoProgramsOfOneRunAreBothNoted() throws {
        let scratch = try Scratch()
        let first = program(build: "first")
        let second = program(build: "second")
        _ = try create(scratch, plan(scratch, first))
        try resume(scratch, plan(scratch, second), allows: true).finish(exit: .done)
        let text = try scratch.text("run/run.yaml")
        #expect(text.contains("build: second") && text.contains("earlier:") && text.contains("build: first"), "\(text)")
        let config = try RunConfig.load(scratch.path + "/run/run.yaml")
        #expect(
            message { try config.check(second) }.contains(
                "for a part of the run, its sources: first in the run, second now"))
        #expect(exitStatus { try config.check(first) } == .pin)
        // The last one goes on with its own work without being asked again, and the first one does not.
        try resume(scratch, plan(scratch, second)).finish(exit: .done)
        #expect(try scratch.text("run/run.yaml") == text)
        #expect(exitStatus { _ = try resume(scratch, plan(scratch, first)) } == .pin)
    }

    @Test func diffNamesTheProgram() throws {
        let scratch = try Scratch()
        try scratch.write("lua/chexgen/a.lua", "return 1")
        try create(scratch, plan(scratch, program(library: library(scratch))), "a").finish(exit: .done)
        try scratch.write("lua/chexgen/a.lua", "return 2")
        try create(scratch, plan(scratch, program(build: "new", library: library(scratch))), "b").finish(exit: .done)
        let (a, b) = (scratch.path + "/a", scratch.path + "/b")
        let lines = try RunDiff.compare(a, b)
        #expect(
            lines == [
                "program build: built in \(a), new in \(b)",
                "program library: chexgen/a.lua is \(sha("return 1").prefix(12)) in \(a), \(sha("return 2").prefix(12)) in \(b)",
            ])
    }
}
