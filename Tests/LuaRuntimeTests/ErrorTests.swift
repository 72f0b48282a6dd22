import CSupport
import Files
import Foundation
import TestSupport
import Testing

@_spi(Testing) import LuaRuntime

extension LuaRuntimeTests {
    /// What errors tell, and limits.
    @Suite struct Errors {
        @Test func errorsKnowTheirPlaceAndCause() throws {
            let error = failure("\nlocal function f()\n  probe.fail(5)\nend\nf()")
            #expect(error.message == "test:3: planned failure")
            #expect(error.file == "test")
            #expect(error.line == 3)
            #expect(error.cause as? Planned == .failure(5))
            #expect(
                error.traceback?.contains("in upvalue 'f'") == true || error.traceback?.contains("in local 'f'") == true
            )
            #expect(failure("pcall(probe.fail); error('own')").cause == nil)
            #expect(failure("local ok, e = pcall(probe.fail, 9); error(e, 0)").cause as? Planned == .failure(9))
            #expect(failure("return pcall(probe.fail)").message == "no error, but false test:1: planned failure")
        }

        @Test func errorsPassThroughCallbacks() throws {
            let error = failure("probe.call(function()\n error('inside')\nend)")
            #expect(error.message == "test:2: inside")
            #expect(error.line == 2)
            let nested = failure("probe.call(probe.call, function()\n probe.fail(3)\nend)")
            #expect(nested.message == "test:2: planned failure")
            #expect(nested.cause as? Planned == .failure(3))
            // The calls that led to the function are told by it, and not a second time.
            let calls = error.traceback ?? ""
            #expect(calls.contains("in field 'call'") && calls.ranges(of: "stack traceback:").count == 1, "\(calls)")
            let deep = failure("local function outer() probe.call(probe.call, function() error('x') end) end\nouter()")
            #expect(deep.traceback?.ranges(of: "'outer'").count == 1, "\(deep.traceback ?? "")")
            let other = failure("probe.call(coroutine.wrap(function() error('there') end))")
            #expect(other.message == "test:1: there")
            // Values that are no strings stay what they are, through any number of native functions.
            let kept = "pcall(probe.call, probe.call, function() error({ code = 7 }) end)"
            #expect(try run("local ok, e = \(kept) return ok, e.code") == "false 7")
            #expect(
                try run("local ok, e = pcall(probe.call, function() error(5) end) return math.type(e)") == "integer")
        }

        /// Where a script of the program's own hands on what a user gave, its lines say nothing; other errors keep their
        /// place.
        @Test func faultsOfInputsDoNotNameTheProgramsOwnScripts() throws {
            let (own, other) = (try Scratch(), try Scratch())
            // A name that Lua shortens in messages.
            let name = String(repeating: "long_", count: 20)
            for (folder, ending) in [(own, "own"), (other, "other")] {
                try folder.write(
                    "\(name)\(ending).lua",
                    """
                    local probe, files = require "test.probe", require "test.files"
                    local module = {}
                    function module.read() local found = files.read() return found end
                    function module.fail() local found = probe.fail(3) return found end
                    function module.wrong() error "wrong" end
                    function module.again() local _, found = pcall(module.read) error(found, 0) end
                    return module
                    """)
            }
            var options = LuaOptions()
            (options.searchFolders, options.ownFolders) = ([own.path, other.path], [own.path])
            let host = try makeHost(options)
            defer { host.close() }
            try host.register(
                LuaModuleDeclaration(
                    "test.files", "Files that are not there.",
                    functions: [
                        LuaFunctionDeclaration("read", "Does not find a file.") { _ in
                            throw FileError.missing(path: "x.csv", hint: "")
                        }
                    ]))
            func error(_ call: String) throws -> LuaError {
                let script = "local own, other = require '\(name)own', require '\(name)other'\n\(call)"
                do { _ = try host.run(script, name: "test") } catch let error as LuaError { return error }
                throw Planned.failure(0)
            }
            for call in ["own.read()", "own.again()"] {
                let input = try error(call)
                #expect(input.message == "x.csv: no such file" && input.file == nil && input.line == nil, "\(input)")
                #expect(input.cause is FileError)
            }
            for (call, words) in [
                ("other.read()", "other.lua:3: x.csv"), ("own.fail()", "own.lua:4: planned"),
                ("own.wrong()", "own.lua:5: wrong"), ("require('test.files').read()", "test:2: x.csv"),
            ] {
                let found = try error(call)
                #expect(found.message.contains(words) && found.line != nil, "\(found)")
            }
        }

        @Test func syntaxErrorsKnowTheirLine() throws {
            let error = failure("x = 1\ny = = 2")
            #expect(error.message.hasPrefix("test:2: unexpected symbol"))
            #expect(error.line == 2)
        }

        @Test func filesKeepTheirWholeName() throws {
            let scratch = try Scratch()
            let folder = scratch.path
            let deep = folder + "/" + String(repeating: "long-", count: 20)
            try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
            let path = deep + "/script.lua"
            try "#!/usr/bin/env chexgen\nlocal a = ...\nerror('here' .. a)".write(
                toFile: path, atomically: true, encoding: .utf8)
            let host = try makeHost()
            do {
                _ = try host.runFile(path, arguments: ["!"])
                Issue.record("no error")
            } catch let error as LuaError {
                #expect(error.file == path)
                #expect(error.line == 3)
                #expect(error.message.hasSuffix("here!"))
            }
            #expect(throws: LuaError.self) { try host.runFile(folder) }
            #expect(throws: LuaError.self) { try host.runFile(folder + "/absent.lua") }
            #expect(throws: LuaError.self) { try host.runFile("/dev/zero") }
        }

        // A request to stop stops the work of other suites in this process, and their tensors would count to these limits; hence
        // processes of their own.

        @Test func interruptsStopAndAreTheOwnersToClear() async {
            await #expect(processExitsWith: .success) {
                LuaHost.requestStop()
                let error = failure("return pcall(function() while true do end end)")
                #expect(error.cause as? LuaStop == .interrupt)
                #expect(cx_stop_requested() == Int32(CX_STOP_INTERRUPT.rawValue))
                cx_clear_stop()
                let after = try run("return 1")
                #expect(after == "1")
            }
        }

        @Test func interruptsFromAnotherThread() async {
            await #expect(processExitsWith: .success) {
                let thread = Thread {
                    Thread.sleep(forTimeInterval: 0.2)
                    LuaHost.requestStop()
                }
                thread.start()
                #expect(failure("while true do pcall(string.rep, 'x', 100) end").cause as? LuaStop == .interrupt)
                cx_clear_stop()
            }
        }

        @Test func limitsAreForgottenAfterTheRun() async {
            await #expect(processExitsWith: .success) {
                #expect(failure("while true do end", LuaOptions(timeLimit: 0.1)).cause as? LuaStop == .timeLimit)
                #expect(cx_stop_requested() == 0)
                let host = try makeHost(LuaOptions(memoryLimit: 8 << 20))
                for _ in 0..<3 {
                    #expect(throws: LuaError.self) {
                        try host.run("local t = {} while true do t[#t + 1] = {} end", name: "t")
                    }
                    #expect(describe(try host.run("return 1", name: "t")) == "1")
                }
            }
        }

        /// A limit beyond what the clock's type holds is as none; it must not wake the alarm's thread without end.
        @Test(.timeLimit(.minutes(1)), arguments: [1e10, 1e300, .infinity])
        func anEndlessTimeLimitHoldsNothingUp(seconds: Double) throws {
            let host = try makeHost(LuaOptions(timeLimit: seconds))
            for _ in 0..<3 { #expect(describe(try host.run("return 1", name: "t")) == "1") }
        }

        @Test func theTimeLimitIsForAllCalls() throws {
            let host = try makeHost(LuaOptions(timeLimit: 0.3))
            _ = try host.run("return 1", name: "t")
            Thread.sleep(forTimeInterval: 0.4)
            #expect(throws: LuaError.self) { try host.run("for i = 1, 1e7 do end", name: "t") }
            // The prompt counts for each line.
            _ = try host.evaluate(line: "for i = 1, 1e5 do end")
        }

        @Test func bytesOutsideCountToTheMemoryLimit() async {
            await #expect(processExitsWith: .success) {
                let host = try makeHost(LuaOptions(memoryLimit: 64 << 20, outsideBytes: cx_tensor_bytes))
                try host.setGlobal(
                    "grow",
                    .closure(
                        LuaClosure("grow") { _ in
                            cx_tensor_bytes_add(16 << 20)
                            return []
                        }))
                var taken: Error?
                do { _ = try host.run("while true do pcall(grow) end", name: "t") } catch { taken = error }
                #expect((taken as? LuaError)?.cause as? LuaStop == .memoryLimit)
                #expect((taken as? LuaError)?.message == "t:1: stopped: memory limit of 64 MB")
            }
        }

        @Test func aPatternThatNeverEndsEndsTheProcess() async {
            await #expect(processExitsWith: .exitCode(1)) {
                cx_start_backstop(0.5)
                let host = try LuaHost(LuaOptions(timeLimit: 0.2))
                _ = try host.run("return ('a'):rep(60):find(('a-'):rep(30) .. 'b')", name: "t")
            }
        }

        @Test func anInterruptedPatternEndsTheProcess() async {
            await #expect(processExitsWith: .exitCode(130)) {
                cx_start_backstop(0.5)
                let host = try LuaHost()
                Thread {
                    Thread.sleep(forTimeInterval: 0.2)
                    LuaHost.requestStop()
                }.start()
                _ = try host.run("pcall(string.find, ('a'):rep(60), ('a-'):rep(30) .. 'b')", name: "t")
            }
        }
    }
}
