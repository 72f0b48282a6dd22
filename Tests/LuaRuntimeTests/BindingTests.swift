import Testing

@_spi(Testing) import LuaRuntime

extension LuaRuntimeTests {
    /// Values and calls that go well.
    @Suite struct Binding {
        @Test func valuesCrossBothWays() throws {
            #expect(
                try run("return probe.echo(nil, true, 3, 2.5, 'ä', {1, {2, x = 'y'}, z = false})")
                    == "nil true 3 2.5 ä {1,{2,x=y},z=false}")
            #expect(try run("return probe.echo('\\xff\\0')") == "[255, 0]")
            #expect(try run("local t = probe.echo({1, nil, 3}); return #t, t[3]") == "3 3")
            #expect(try run("return math.type(probe.echo(2^53)), math.type(probe.echo(1 << 53))") == "float integer")
            #expect(try run("return probe.echo(print) == print") == "true")
        }

        @Test func argumentsFollowTheDeclaration() throws {
            #expect(try run("return probe.kid({1, 2.5})") == "100 exact")
            #expect(try run("return probe.kid({}, {subsets = 5.0, mode = 'fast'})") == "5 fast")
            #expect(try run("return probe.half(3), probe.half{1, 2}") == "1.5 1.5")
            #expect(
                failure("probe.kid(3)").message
                    == "test:1: bad argument 'real' to 'kid' (wanted list of number, got integer)")
            #expect(
                failure("probe.kid({1, 'x'})").message
                    == "test:1: bad argument 'real[2]' to 'kid' (wanted number, got string)")
            #expect(
                failure("probe.kid({}, {subset = 5})").message
                    == "test:1: unknown option 'subset' to 'kid'; did you mean 'subsets'?")
            #expect(
                failure("probe.kid({}, {subsets = 'five'})").message
                    == "test:1: bad argument 'subsets' to 'kid' (wanted integer, got string)")
            #expect(
                failure("probe.kid({}, {subsets = 2.5})").message
                    == "test:1: bad argument 'subsets' to 'kid' (wanted integer, got number)")
            #expect(
                failure("probe.kid({}, {mode = 'exakt'})").message.hasSuffix("got \"exakt\"); did you mean 'exact'?"))
            #expect(failure("probe.kid({}, {'fast'})").message.contains("wanted named fields, got a list of 1"))
            #expect(
                failure("probe.kid({}, {}, 3)").message.contains(
                    "too many arguments to 'kid' (wanted at most 2, got 3)"))
            #expect(failure("probe.kid()").message.contains("wanted list of number, got nothing"))
            #expect(failure("probe.value(probe.other())").message.contains("(wanted Probe, got Other)"))
            #expect(failure("probe.value({})").message.contains("(wanted Probe, got table)"))
            #expect(failure("probe.half('x')").message.contains("(wanted number or list of number, got string)"))
        }

        @Test func objectsHaveMembersAndOperators() throws {
            #expect(
                try run("local p = probe.new(3); return p.value, p:get(), #p, tostring(p), tostring(-p), (p + 4).value")
                    == "3 3 3 Probe(3) Probe(-3) 7")
            #expect(try run("return probe.new(3) == probe.new(3), probe.new(3) == probe.new(4)") == "true false")
            #expect(try run("return rawequal(probe.same(), probe.same())") == "true")
            #expect(
                try run("local p = probe.same(); return rawequal(p, probe.echo(p)), rawequal(p, probe.echo({p})[1])")
                    == "true true")
            #expect(try run("return probe.new(1):plus(probe.new(2)):get()") == "3")
            #expect(
                failure("probe.new(1):pluss()").message == "test:1: Probe has no field 'pluss'; did you mean 'plus'?")
            #expect(
                failure("probe.new(1).get()").message.contains(
                    "bad self to 'get' (wanted Probe, got nothing); call it as object:get(…)"))
            #expect(failure("probe.new(1).get(probe.other())").message.contains("(wanted Probe, got Other)"))
            #expect(failure("probe.new(1).value = 3").message == "test:1: Probe is read-only; 'value' cannot be set")
            #expect(failure("return probe.new(1)[1]").message.contains("a Probe cannot be indexed with a integer"))
            #expect(failure("return probe.new(1) + {}").message == "test:1: wanted a Probe or an integer")
            #expect(
                failure("return probe.new(1) < probe.new(2)").message.contains("attempt to compare two Probe values"))
        }

        @Test func modulesAreReadOnlyAndTheSame() throws {
            #expect(try run("return require('test').probe == probe, require('test.probe') == probe") == "true true")
            #expect(
                try run(
                    "return probe.names[1], #probe.names, (function() local s = '' for _, n in ipairs(probe.names) do s = s .. n end return s end)()"
                ) == "Edema 2 EdemaPneumonia")
            #expect(failure("probe.names[1] = 'x'").message == "test:1: attempt to change a read-only table")
            #expect(
                failure("probe.new = nil").message.contains("attempt to change the field 'new' of a read-only table"))
            #expect(failure("rawset(probe, 'new', 1)").message.contains("read-only table"))
            #expect(failure("table.insert(probe.names, 'x')").message.contains("read-only table"))
            #expect(
                failure("table.sort(probe.constant(), function(a, b) return a > b end)").message.contains("read-only"))
            #expect(
                try run(
                    "local t = probe.constant(); local s = '' for k, v in pairs(t) do s = s .. tostring(k) .. ' ' end return s, t.inner[2], next(t) ~= nil, rawlen(t), rawget(t, 'b')"
                ) == "1 2 a b inner  2 true 2 1")
            #expect(try run("return probe.echo(probe.constant())") == "{10,20,a=x,b=1,inner={1,2,3}}")
            #expect(
                try run(
                    "return table.concat(probe.names, ','), select('#', table.unpack(probe.names)), getmetatable(probe)"
                ) == "Edema,Pneumonia 2 false")
        }

        @Test func callbacksAndIterators() throws {
            #expect(try run("return probe.call(function(a, b) return a + b, 'x' end, 1, 2)") == "3 x")
            #expect(try run("local s = 0 for i in probe.count(10) do s = s + i end return s") == "55")
            #expect(try run("return probe.call(probe.call, probe.call, function() return 1 end)") == "1")
            #expect(try run("return select('#', probe.many(1000)), (select(1000, probe.many(1000)))") == "1000 1000")
            #expect(
                try run(
                    "local co = coroutine.wrap(function() coroutine.yield(probe.call(function() return 1 end)); return 2 end) return co(), co()"
                ) == "1 2")
            #expect(
                failure("coroutine.wrap(function() probe.call(coroutine.yield) end)()").message.contains(
                    "attempt to yield across a C-call boundary"))
        }

        @Test func functionsOutliveTheirCall() throws {
            let host = try makeHost()
            let results = try host.run("local n = 0; return function(x) n = n + x; return n end", name: "t")
            guard case .function(let function) = results.first else { throw LuaError("no function") }
            #expect(describe(try function.call([1])) == "1")
            #expect(describe(try function.call([41])) == "42")
            let height = host.stackHeight
            for _ in 0..<100 { _ = try? function.call(["x", .table(LuaTable(array: [1]))]) }
            #expect(host.stackHeight == height)
            #expect(throws: LuaError.self) { try function.call([.function(otherHostsFunction())]) }
            host.close()
            #expect(throws: LuaError.self) { try function.call() }
            #expect(throws: LuaError.self) { try host.run("return 1", name: "t") }
        }

        private func otherHostsFunction() throws -> LuaFunction {
            let host = try makeHost()
            guard case .function(let function) = try host.run("return print", name: "t").first else {
                throw LuaError("?")
            }
            return function
        }

        @Test func pairsHasAnOrder() throws {
            #expect(
                try run(
                    "local t = {b = 1, a = 2, [3] = 'x', [1] = 'y', c = 3, [2.5] = 0}; local s = '' for k in pairs(t) do s = s .. k .. ' ' end return s"
                ) == "1 2.5 3 a b c ")
            #expect(
                try run(
                    "local t = {a = 1, b = 2, c = 3}; local n = 0 for k in pairs(t) do t[k] = nil; n = n + 1 end return n, next(t)"
                ) == "3 nil")
            #expect(
                try run(
                    "local t = {a = 1, b = 2, c = 3}; local s = '' for k in pairs(t) do t.b = nil; s = s .. k end return s"
                ) == "ac")
            #expect(
                try run(
                    "local t = setmetatable({}, {__pairs = function() return function(_, k) return not k and 'z' or nil end end}); for k in pairs(t) do return k end"
                ) == "z")
        }

        @Test func outputGoesToTheHost() throws {
            var text = ""
            try run("print(1, 'a', nil, probe.new(2)); io.write('x', 1, '\\n')", LuaOptions(output: { text += $0 }))
            #expect(text == "1\ta\tnil\tProbe(2)\nx1\n")
        }

        @Test func globalsAndArguments() throws {
            let host = try makeHost(LuaOptions(arguments: ["one", "two"]))
            try host.setGlobal("answer", .table(LuaTable(array: [42])))
            #expect(describe(try host.run("return answer[1], arg[2], #arg", name: "t")) == "42 two 2")
        }
    }
}
