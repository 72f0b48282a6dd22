import Foundation
import Testing

@_spi(Testing) import LuaRuntime

extension LuaRuntimeTests {
    /// What is made must go, on every way out, and only once.
    @Suite struct Lifetime {
        /// Runs a script in its own host, and gives how many probes are alive more than before, while open and after.
        private func leftovers(_ source: String, _ options: LuaOptions = LuaOptions()) throws -> (
            open: Int, closed: Int
        ) {
            let before = Probe.alive
            let host = try makeHost(options)
            _ = try? host.run("local probe = require 'test.probe'; " + source, name: "t")
            _ = try? host.run("collectgarbage() collectgarbage()", name: "t")
            let open = Probe.alive - before
            host.close()
            return (open, Probe.alive - before)
        }

        @Test(arguments: [
            "local p = probe.new(1)",
            "for i = 1, 1000 do probe.new(i) end",
            "probe.value(probe.new(1), 2)",
            "probe.new(1):fail()",
            "pcall(function() probe.new(1):fail() end)",
            "error(probe.new(1))",
            "probe.echo(probe.new(1), {probe.new(2)}, io.stdout)",
            "probe.echo({probe.new(1), x = {probe.new(2), [1.5] = 1}})",
            "local t = {probe.new(1)}; t.t = t; probe.echo(t)",
            "probe.call(function(p) error(p) end, probe.new(1))",
            "probe.call(function(p) return p, coroutine.running() end, probe.new(1))",
            "coroutine.wrap(function() local p = probe.new(1); coroutine.yield(p) end)()",
            "coroutine.wrap(function() local p = probe.new(1); error('x') end)()",
            "local p = probe.new(1); p:close(); p:close(); p = nil; collectgarbage()",
            "do local p <close> = probe.new(1) end",
            "local p <close> = probe.new(1); error('x')",
            "local p <close> = probe.new(1); p:close(); p:get()",
            "probe.new(1):plus(probe.other())",
            "return probe.new(1) + {}",
            "for i = 1, 100 do probe.call(probe.echo, probe.same(), probe.new(i)) end",
            "while true do local p = probe.new(1) end",
            "local s = 'x' while true do probe.new(1); s = s .. s end",
            "local a = probe.new(1); local f = function() return a end; probe.call(f); f = nil; a = nil",
        ])
        func nothingStays(_ source: String) throws {
            let left = try leftovers(source, LuaOptions(memoryLimit: 64 << 20, instructionLimit: 1_000_000))
            #expect(left.open == 0)
            #expect(left.closed == 0)
        }

        @Test func whatIsHeldGoesWithTheHost() throws {
            let left = try leftovers(
                "kept = {}; for i = 1, 100 do kept[i] = probe.new(i) end; co = coroutine.wrap(function() local p = probe.new(1); coroutine.yield() end); co()"
            )
            #expect(left.open == 101)
            #expect(left.closed == 0)
        }

        @Test func closeIsCalledOnce() throws {
            let before = Probe.closed
            try run("local p = probe.new(1); p:close(); p:close()")
            #expect(Probe.closed == before + 1)
            try run("do local p <close> = probe.new(1) end; probe.new(2); collectgarbage()")
            #expect(Probe.closed == before + 3)
            try run("kept = probe.new(1)")
            #expect(Probe.closed == before + 4)
        }

        @Test func useAfterCloseIsAnError() throws {
            #expect(failure("local p = probe.new(1); p:close(); p:get()").message == "test:1: Probe is closed")
            #expect(failure("local p = probe.new(1); p:close(); return p.value").message == "test:1: Probe is closed")
            #expect(failure("local p = probe.new(1); p:close(); return p + 1").message == "test:1: Probe is closed")
            #expect(failure("local p = probe.new(1); p:close(); probe.echo({p})").message == "test:1: Probe is closed")
            #expect(try run("local p = probe.new(1); p:close(); return tostring(p)") == "Probe (closed)")
            #expect(failure("local p = probe.new(1); p:close(); return p").message.contains("Probe is closed"))
            #expect(failure("probe.new(1).close({})").message.contains("bad self to 'close'"))
        }

        @Test func functionsAreReleased() throws {
            let before = Probe.alive
            let host = try makeHost()
            func made() throws -> LuaFunction {
                let results = try host.run(
                    "local p = require('test.probe').new(1); return function() return p end", name: "t")
                guard case .function(let function) = results.first else { throw LuaError("no function") }
                return function
            }
            var function: LuaFunction? = try made()
            _ = try host.run("collectgarbage()", name: "t")
            #expect(Probe.alive == before + 1)
            _ = function
            function = nil
            _ = try host.run("collectgarbage()", name: "t")
            #expect(Probe.alive == before)
            host.close()
        }

        @Test func aMillionErrorsLeaveNothing() throws {
            let before = Probe.alive
            let host = try makeHost()
            let script = """
                local probe = require 'test.probe'
                local f = function(p) error(p) end
                for i = 1, 100000 do pcall(probe.fail); pcall(probe.call, f, probe.new(i)) end
                collectgarbage()
                return collectgarbage('count')
                """
            let first = try host.run(script, name: "t").first?.numberValue ?? 0
            let second = try host.run(script, name: "t").first?.numberValue ?? .infinity
            #expect(second < first + 64)
            #expect(Probe.alive == before)
            #expect(host.stackHeight == 0)
        }

        @Test func theCollectorKnowsExternalBytes() throws {
            let host = try makeHost()
            var peak = 0
            try host.setGlobal(
                "look",
                .closure(
                    LuaClosure("look") { _ in
                        peak = max(peak, host.externalBytes)
                        return []
                    }))
            _ = try host.run(
                "local probe = require 'test.probe'; for i = 1, 400 do local p = probe.new(i, 40 << 20); look() end",
                name: "t")
            #expect(peak < 200 << 20)
            _ = try host.run("collectgarbage()", name: "t")
            #expect(host.externalBytes == 0)
            // Objects that are kept move the threshold, so that keeping them does not collect each time.
            _ = try host.run(
                "local probe = require 'test.probe'; kept = {} for i = 1, 100 do kept[i] = probe.new(i, 40 << 20) end",
                name: "t")
            #expect(host.externalBytes == 4000 << 20)
            host.close()
        }

        /// Lets the k-th allocation fail, for every k until the script gets through.
        @Test func everyAllocationMayFail() throws {
            let before = Probe.alive
            let script = """
                local probe = require 'test.probe'
                local p <close> = probe.new(1)
                local t = {probe.new(2), x = {probe.new(3)}}
                local s = tostring(p + 1) .. ('x'):rep(1000)
                local ok = pcall(probe.fail)
                for k, v in pairs(t) do s = s .. tostring(k) end
                for i in probe.count(3) do s = s .. i end
                probe.call(function(...) return ... end, p, t, s)
                probe.kid({1, 2, 3}, {subsets = 2})
                local co = coroutine.wrap(function() local q <close> = probe.new(4); coroutine.yield(q:get()) end)
                co() co()
                local c = probe.constant()
                return load('return ' .. c.b)(), require('test.probe').names[1]
                """
            let host = try makeHost()
            var failures = 0
            var finished = false
            for k in 0..<5000 where !finished {
                host.failAllocations(after: k)
                let result = Result { try host.run(script, name: "t") }
                host.failAllocations(after: -1)
                switch result {
                case .success: finished = failures > 50
                case .failure: failures += 1
                }
                #expect(host.stackHeight == 0)
            }
            #expect(finished)
            _ = try host.run("collectgarbage()", name: "t")
            #expect(Probe.alive == before)
            #expect(describe(try host.run(script, name: "t")) == "1 Edema")
            host.close()
            #expect(Probe.alive == before)
        }

        @Test func openingMayFail() throws {
            for limit in stride(from: 1000, through: 400_000, by: 1500) {
                guard let host = try? makeHost(LuaOptions(memoryLimit: limit)) else { continue }
                _ = try? host.run("local t = {} for i = 1, 100 do t[i] = {} end", name: "t")
                host.close()
            }
        }

        @Test func hostsAreSeparate() throws {
            let first = try makeHost()
            let second = try makeHost()
            _ = try first.run("x = 1; string.upper = nil; math.pi = 3", name: "t")
            #expect(describe(try second.run("return x, ('a'):upper(), math.pi > 3", name: "t")) == "nil A true")
        }

        @Test func closingInsideACallWaits() throws {
            let host = try makeHost()
            try host.setGlobal(
                "shut",
                .closure(
                    LuaClosure("shut") { _ in
                        host.close()
                        return [.integer(1)]
                    }))
            #expect(describe(try host.run("return shut()", name: "t")) == "1")
            #expect(throws: LuaError.self) { try host.run("return 1", name: "t") }
        }
    }
}
