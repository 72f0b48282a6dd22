import Foundation
import TestSupport
import Testing

@_spi(Testing) import LuaRuntime

extension LuaRuntimeTests {
    /// Files, modules and the prompt.
    @Suite struct Sandbox {
        @Test func filesBelowAWritableFolder() throws {
            let scratch = try Scratch()
            let folder = scratch.path
            let other = try Scratch()
            let outside = other.path
            try FileManager.default.createDirectory(atPath: folder + "/sub", withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: folder + "/way-out", withDestinationPath: outside)
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/link", withDestinationPath: outside + "/target")
            try "kept".write(toFile: outside + "/target", atomically: true, encoding: .utf8)
            let host = try LuaHost(LuaOptions(writableFolders: [folder]))
            try host.setGlobal("dir", .string(folder))
            try host.setGlobal("outside", .string(outside))
            func text(_ source: String) throws -> String { describe(try host.run(source, name: "t")) }
            #expect(
                try text(
                    "local f = assert(io.open(dir .. '/a.txt', 'w')); f:write('one\\n', 2, '\\n'); f:close(); local t = {} for l in io.lines(dir .. '/a.txt') do t[#t + 1] = l end return table.concat(t, ',')"
                ) == "one,2")
            #expect(
                try text(
                    "local f <close> = io.open(dir .. '/a.txt', 'a+'); f:write('3'); f:seek('set'); return f:read('l', 'n', 'n')"
                ) == "one 2 3")
            #expect(
                try text(
                    "local f <close> = io.open(dir .. '/a.txt', 'r+'); f:write('ONE'); f:seek('set'); return f:read('a')"
                ) == "ONE\n2\n3")
            #expect(try text("for a, b in io.lines(dir .. '/a.txt', 1, 2) do return a, b end") == "O NE")
            #expect(
                try text("return io.type(io.open(dir .. '/a.txt')), io.type(io.stdout), io.type(3)") == "file file nil")
            #expect(try text("return io.open(dir .. '/sub/../../x', 'w')").contains("may not write there"))
            #expect(try text("return io.open(dir .. '/way-out/x', 'w')").contains("may not write there"))
            #expect(try text("return io.open(dir .. '/link', 'w')").contains("symbolic link"))
            #expect(try text("return io.open(dir .. 'x', 'w')").contains("may not write there"))
            #expect(try text("return io.open(dir .. '/..', 'w')").contains("not the name of a file"))
            #expect(try text("return io.open(dir .. '/none/x', 'w')").contains("No such file"))
            #expect(try text("return os.rename(dir .. '/a.txt', outside .. '/a.txt')").contains("may not write there"))
            #expect(try text("return os.rename(outside .. '/target', dir .. '/t')").contains("may not write there"))
            #expect(
                try text(
                    "return os.rename(dir .. '/a.txt', dir .. '/sub/b.txt'), os.remove(dir .. '/sub/b.txt'), os.remove(dir .. '/sub')"
                ) == "true true true")
            #expect(try text("return os.remove(outside .. '/target')").contains("may not write there"))
            #expect(try String(contentsOfFile: outside + "/target", encoding: .utf8) == "kept")
            mkfifo(folder + "/pipe", 0o600)
            #expect(try text("return io.open(dir .. '/pipe')").contains("not a regular file"))
            #expect(try text("return io.open(dir .. '/pipe', 'r+')").contains("not a regular file"))
            #expect(try text("return select('#', io.open(dir .. '/none'))") == "3")
            host.addWritableFolder(outside)
            #expect(try text("return os.remove(outside .. '/target')") == "true")
        }

        @Test func modulesFromFolders() throws {
            let scratch = try Scratch()
            let folder = scratch.path
            try FileManager.default.createDirectory(atPath: folder + "/pack", withIntermediateDirectories: true)
            func write(_ name: String, _ text: String) throws {
                try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
            }
            try write("one.lua", "local name, path = ...; count = (count or 0) + 1; return {name = name, path = path}")
            try write("pack/init.lua", "return {part = require 'pack.part'}")
            try write("pack/part.lua", "return 'part'")
            try write("nothing.lua", "")
            try write("loop.lua", "return require 'loop'")
            try write("broken.lua", "x = = 1")
            try write("fails.lua", "error('inside')")
            try write("binary.lua", "\u{1B}Lua")
            let host = try LuaHost(LuaOptions(searchFolders: [folder]))
            func text(_ source: String) -> String {
                do { return describe(try host.run(source, name: "t")) } catch { return "\(error)" }
            }
            #expect(text("local a = require 'one'; return a == require 'one', a.name, count") == "true one 1")
            #expect(
                text("return require('pack').part, require 'nothing', require 'string' == string") == "part true true")
            #expect(text("require 'loop'").contains("module 'loop' requires itself"))
            #expect(text("require 'loop'").contains("module 'loop' requires itself"))
            #expect(text("require 'broken'").contains("broken.lua:1: unexpected symbol"))
            #expect(text("require 'fails'").contains("fails.lua:1: inside"))
            #expect(text("require 'binary'").contains("attempt to load a binary chunk"))
            #expect(
                text("require 'absent.part'").contains(
                    "t:1: module 'absent.part' not found\n\tno file '\(folder)/absent/part.lua'"))
        }

        @Test func thePrompt() throws {
            let host = try makeHost()
            func show(_ line: String) throws -> String {
                switch try host.evaluate(line: line) {
                case .incomplete: return "incomplete"
                case .values(_, let printed): return printed
                }
            }
            #expect(try show("1 + 1") == "2")
            #expect(try show("= 2, 'x'") == "2\tx")
            #expect(try show("x = 3") == "")
            #expect(try show("x") == "3")
            #expect(try show("for i = 1, 3 do") == "incomplete")
            #expect(try show("for i = 1, 3 do\nend") == "")
            #expect(try show("function f(") == "incomplete")
            #expect(try show("{1, 'a', b = {c = 2}}") == "{ 1, \"a\", b = { c = 2 } }")
            #expect(try show("coroutine.create(print)").hasPrefix("thread: "))
            #expect(try show("p = require('test.probe')") == "")
            #expect(try show("p.new(3)") == "Probe(3)")
            #expect(throws: LuaError.self) { try host.evaluate(line: "x = = 1") }
            #expect(throws: LuaError.self) { try host.evaluate(line: "error('x')") }
            #expect(try show("return 5") == "5")
        }

        @Test func completion() throws {
            let host = try makeHost()
            _ = try host.run(
                "probe = require 'test.probe'; one = probe.new(1); own = {first = {second = 1}}", name: "t")
            #expect(host.completions(for: "print(prob") == ["probe"])
            #expect(host.completions(for: "x = probe.ne") == ["probe.new"])
            #expect(host.completions(for: "one:") == ["one:close", "one:fail", "one:get", "one:plus", "one:value"])
            #expect(host.completions(for: "own.first.") == ["own.first.second"])
            #expect(host.completions(for: "string.rev") == ["string.reverse"])
            #expect(host.completions(for: "whi") == ["while"])
            #expect(host.completions(for: "nothing.at.all") == [])
            #expect(host.completions(for: "..") == [])
            #expect(host.completions(for: "").contains("print"))
        }

        @Test func randomNumbersAreTheSameEachTime() throws {
            let source = "return math.random(1 << 40), math.random()"
            #expect(try run(source) == run(source))
        }
    }
}
