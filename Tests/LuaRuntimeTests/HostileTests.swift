import Foundation
import Testing

@_spi(Testing) import LuaRuntime

/// All globals and library functions that a script has. A name that is not here must not appear.
private let allowList = """
    _G _VERSION arg assert collectgarbage coroutine coroutine.close coroutine.create \
    coroutine.isyieldable coroutine.resume coroutine.running coroutine.status coroutine.wrap \
    coroutine.yield debug debug.traceback error getmetatable io io.close io.lines io.open io.read \
    io.stderr io.stdout io.type io.write ipairs load math math.abs math.acos math.asin math.atan \
    math.ceil math.cos math.deg math.exp math.floor math.fmod math.huge math.log math.max \
    math.maxinteger math.min math.mininteger math.modf math.pi math.rad math.random math.randomseed \
    math.sin math.sqrt math.tan math.tointeger math.type math.ult next os os.clock os.date os.difftime \
    os.getenv os.remove os.rename os.time pairs pcall print rawequal rawget rawlen rawset require select \
    setmetatable string string.byte string.char string.find string.format string.gmatch string.gsub \
    string.len string.lower string.match string.pack string.packsize string.rep string.reverse \
    string.sub string.unpack string.upper table table.concat table.insert table.move table.pack \
    table.remove table.sort table.unpack tonumber tostring type utf8 utf8.char utf8.charpattern \
    utf8.codepoint utf8.codes utf8.len utf8.offset warn xpcall
    """

/// A script, and what its error must contain; nil where it must end well.
struct Hostile: CustomTestStringConvertible, Sendable {
    let name: String
    let script: String
    let error: String?
    var testDescription: String { name }

    init(_ name: String, _ script: String, _ error: String? = nil) {
        self.name = name
        self.script = script
        self.error = error
    }
}

extension LuaRuntimeTests {
    /// Scripts that want out, or that never want to end.
    @Suite struct Hostiles {
        static let escapes: [Hostile] = [
            Hostile("bytecode", "return load('\\27Lua')", nil),
            Hostile(
                "bytecode mode",
                "assert(not load('\\27LuaT', 'x', 'b')); assert(not load('return 1', 'x', 'b')); assert(load('x = 1', 'x', 'bt'))"
            ),
            Hostile(
                "bytecode from a reader",
                "local n = 0; assert(not load(function() n = n + 1; return n == 1 and '\\27Lua' or nil end, 'x', 'b'))"),
            Hostile("dump", "assert(string.dump == nil and ('').dump == nil)"),
            Hostile("require bytecode", "require 'bytecode'", "module 'bytecode' not found"),
            Hostile(
                "library names",
                """
                for _, n in ipairs{'dofile', 'loadfile', 'package', 'module', 'setfenv', 'loadstring', 'jit', 'ffi'} do
                  assert(_G[n] == nil, n)
                end
                for _, n in ipairs{'execute', 'exit', 'tmpname', 'setlocale'} do assert(os[n] == nil, n) end
                for _, n in ipairs{'popen', 'tmpfile', 'input', 'output', 'stdin'} do assert(io[n] == nil, n) end
                local n = 0 for k in pairs(debug) do assert(k == 'traceback'); n = n + 1 end assert(n == 1)
                """),
            Hostile(
                "allow-list",
                """
                local seen = {}
                for k, v in pairs(_G) do
                  seen[#seen + 1] = k
                  if type(v) == 'table' and v ~= _G then for f in pairs(v) do seen[#seen + 1] = k .. '.' .. f end end
                end
                error(table.concat(seen, ' '), 0)
                """, allowList),
            Hostile("string metatable", "assert(getmetatable('') == false); assert(not pcall(setmetatable, '', {}))"),
            Hostile("string methods", "string.upper = nil; assert(not pcall(function() return ('x'):upper() end))"),
            Hostile("gc in a metatable", "setmetatable({}, {__gc = function() end})", "'__gc' is not for scripts"),
            Hostile(
                "object metatable", "local p = probe.new(1); assert(getmetatable(p) == false); assert(not p.__gc)",
                "Probe has no field '__gc'"),
            Hostile("object metatable set", "setmetatable(probe.new(1), {})", "table expected"),
            Hostile("file metatable", "assert(getmetatable(io.stdout) == false); assert(io.stdout.__gc == nil)"),
            Hostile(
                "forged object", "local p = probe.new(1); p.get(setmetatable({}, {__name = 'Probe', __index = p}))",
                "wanted Probe, got table"),
            Hostile("file for object", "probe.value(io.stdout)", "a userdata cannot be given"),
            Hostile("coroutine for object", "probe.value(coroutine.create(print))", "a thread cannot be given"),
            Hostile(
                "getmetatable of _G",
                "assert(getmetatable(_G) == nil); setmetatable(_G, {__index = function() error('x') end}); probe.echo(_G)",
                ""),
            Hostile("require up", "require '../secret'", "bad module name"),
            Hostile("require dots", "require '..secret'", "bad module name"),
            Hostile("require absolute", "require '/etc/passwd'", "bad module name"),
            Hostile("require zero", "require 'a\\0b'", "bad module name"),
            Hostile("require long", "require(('a'):rep(1e6))", "bad module name"),
            Hostile("require number", "require(3)", "not found"),
            Hostile("write", "assert(io.open('/tmp/chexgen-escape.txt', 'w'))", "may not write there"),
            Hostile("append", "assert(io.open('chexgen-escape.txt', 'a+'))", "may not write there"),
            Hostile("update", "assert(io.open('/etc/hostname', 'r+'))", "may not write there"),
            Hostile("open mode", "io.open('/etc/hostname', 'rx')", "invalid mode"),
            Hostile("process memory", "assert(io.open('/proc/self/mem'))", "not a regular file"),
            Hostile("device", "assert(io.open('/dev/zero'))", "not a regular file"),
            Hostile("folder", "assert(io.open('/tmp'))", "not a regular file"),
            Hostile("lines of a device", "for l in io.lines('/dev/zero') do end", "not a regular file"),
            Hostile("zero byte", "io.open('/etc/hostname\\0x')", "zero byte"),
            Hostile("long name", "assert(io.open(('a'):rep(5000)))", "File name too long"),
            Hostile("remove", "assert(os.remove('/tmp/chexgen-escape.txt'))", "may not write there"),
            Hostile("rename", "assert(os.rename('/etc/hostname', '/tmp/x'))", "may not write there"),
            Hostile("close stdout", "assert(not io.close(io.stdout)); assert(not io.stdout:close())"),
        ]

        @Test(arguments: escapes) func escape(_ hostile: Hostile) throws { check(hostile, LuaOptions(timeLimit: 5)) }

        static let broken: [Hostile] = [
            Hostile("parentheses", "return load(('('):rep(300) .. '1' .. (')'):rep(300))"),
            Hostile("deep tables", "assert(not load('return ' .. ('{'):rep(250) .. ('}'):rep(250)))"),
            Hostile("deep functions", "assert(not load(('function f() '):rep(250)))"),
            Hostile("recursion", "local function f() return 1 + f() end f()", "stack overflow"),
            Hostile(
                "index recursion",
                "local t = setmetatable({}, {}); getmetatable(t).__index = function(t, k) return t[k] end; return t.x",
                "C stack overflow"),
            Hostile(
                "index chain", "local t = {} for i = 1, 3000 do t = setmetatable({}, {__index = t}) end return t.x",
                "'__index' chain too long"),
            Hostile("gsub recursion", "local function f(s) return (s:gsub('.', f)) end f('x')", "C stack overflow"),
            Hostile("native recursion", "local function f() return probe.call(f) end f()", "C stack overflow"),
            Hostile(
                "native recursion in coroutines",
                "local function f() return probe.call(function() return coroutine.wrap(f)() end) end f()",
                "C stack overflow"),
            Hostile("nested pcall", "local function f() return pcall(f) end f()"),
            Hostile("pcall in natives", "local function f() return pcall(probe.call, f) end f()"),
            Hostile(
                "tostring recursion",
                "local t = setmetatable({}, {}); getmetatable(t).__tostring = function(t) return tostring(t) end; tostring(t)",
                "C stack overflow"),
            Hostile(
                "closes in a chain",
                """
                local co = nil
                for i = 1, 200000 do
                  local inner = co
                  co = coroutine.create(function()
                    local x <close> = setmetatable({}, {__close = function() if inner then coroutine.close(inner) end end})
                    coroutine.yield()
                  end)
                  coroutine.resume(co)
                end
                coroutine.close(co)
                """),
            Hostile(
                "wraps in a chain",
                """
                local f = function() error('end') end
                for i = 1, 2000 do local g = f; f = coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() g() end}); error('x') end) end
                f()
                """, "overflow"),
            Hostile(
                "resume itself",
                "local co; co = coroutine.create(function() return coroutine.resume(co) end); assert(select(2, coroutine.resume(co)) == false)"
            ),
            Hostile("close itself", "coroutine.close(coroutine.running())", "cannot close a running coroutine"),
            Hostile(
                "close in close",
                "local co = coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() error('in close') end}); error('first') end); co()",
                "in close"),
            Hostile("rep", "('x'):rep(1 << 60)", "resulting string too large"),
            Hostile("rep of nothing", "assert((''):rep(1 << 60) == '')"),
            Hostile("format", "('%99999d'):format(1)", "invalid conversion"),
            Hostile("pack", "string.pack('i17', 1)", "out of limits"),
            Hostile("unpack", "table.unpack({}, 1, 1e7)", "too many results to unpack"),
            Hostile("unpack range", "table.unpack({}, math.mininteger, math.maxinteger)", "too many results"),
            Hostile("move", "table.move({1}, 1, math.maxinteger, 2)", "wrap around"),
            Hostile("move far", "table.move({1}, math.mininteger, 0, 2)", "too many elements"),
            Hostile(
                "sort order",
                "local t = {} for i = 1, 100 do t[i] = i % 7 end table.sort(t, function() return true end)",
                "invalid order function"),
            Hostile("concat", "table.concat({{}})", "invalid value"),
            Hostile("error without text", "error(nil)", "error object is a nil value"),
            Hostile("error of a table", "error({code = 3})", "test:1: (error object is a table value)"),
            Hostile("error with a message", "error({message = 'told'})", "told"),
            Hostile("error that fails", "error(setmetatable({}, {__tostring = function() error('again') end}))", ""),
            Hostile(
                "tostring of a number", "tostring(setmetatable({}, {__tostring = function() return {} end}))",
                "must return a string"),
            Hostile("name", "probe.value(setmetatable({}, {__name = 'Probe'}))", "got table"),
            Hostile(
                "yield in a native", "coroutine.wrap(function() probe.call(coroutine.yield) end)()", "C-call boundary"),
            Hostile(
                "yield in close",
                "local co = coroutine.wrap(function() local x <close> = setmetatable({}, {__close = coroutine.yield}) end) co() co()"
            ),
            Hostile("close that is no function", "local x <close> = 3", "got a non-closable value"),
            Hostile("environment", "local _ENV <const> = {}; function f() end"),
            Hostile("environment gone", "local print = print; _ENV = nil; x = 1", "attempt to index a nil value"),
            Hostile(
                "constructor",
                "local s = {} for i = 1, 200000 do s[i] = '[' .. i .. ']=' .. i end assert(load('return {' .. table.concat(s, ',') .. '}'))()"
            ),
            Hostile(
                "many upvalues",
                "local s = {} for i = 1, 300 do s[i] = 'local a' .. i .. ' = 1' end assert(not load(table.concat(s, '\\n')))"
            ),
            Hostile("goto", "do local n = 0 ::top:: n = n + 1 if n < 1e5 then goto top end end"),
            Hostile(
                "collect while parsing",
                "local s = ('local x = \"' .. ('y'):rep(1000) .. '\"\\n do end\\n'):rep(150); collectgarbage('step'); load(s)"
            ),
            Hostile("garbage options", "collectgarbage('stop')", "invalid option"),
            Hostile(
                "weak tables", "local t = setmetatable({}, {__mode = 'kv'}) for i = 1, 1e5 do t[i] = {} t[{}] = i end"),
            Hostile("table that contains itself", "local t = {}; t[1] = t; probe.echo(t)", "contains itself"),
            Hostile("deep value", "local t = {} for i = 1, 100 do t = {t} end probe.echo(t)", "deeper than 64"),
            Hostile("very deep value", "local t = {} for i = 1, 1e5 do t = {t} end return t", "deeper than 64"),
            Hostile(
                "index that raises", "probe.echo(setmetatable({}, {__index = error, __len = error, __pairs = error}))"),
            Hostile("odd keys", "probe.echo({[1.5] = 1})", "table has a number for a key"),
            Hostile("holes", "probe.echo({[1] = 1, [100] = 2})", "index 100 outside its list of 1"),
            Hostile("table keys", "probe.echo({[{}] = 1})", "table has a table for a key"),
            Hostile(
                "many values",
                "local a = {} for i = 1, 3000 do a[i] = 0 end local b = {} for i = 1, 3000 do b[i] = a end local c = {} for i = 1, 10 do c[i] = b end probe.echo(c)",
                "more than 20000000 values"),
            Hostile("huge list", "local a = {} for i = 1, 1e6 do a[i] = i end probe.kid(a)"),
            Hostile("not UTF-8", "probe.kid({}, {names = {'\\xff'}})", "string that is not UTF-8"),
            Hostile("infinite integer", "probe.new(1/0)", "wanted integer, got number"),
            Hostile("nan integer", "probe.new(0/0)", "wanted integer, got number"),
            Hostile("large integer", "probe.new(2^63)", "wanted integer, got number"),
            Hostile("itself", "probe.new(probe)", "wanted integer, got table"),
            Hostile("long option", "probe.kid({}, {[('x'):rep(1e6)] = 1})", "unknown option"),
        ]

        @Test(arguments: broken) func mistake(_ hostile: Hostile) throws { check(hostile, LuaOptions(timeLimit: 20)) }

        static let endless: [Hostile] = [
            Hostile("loop", "while true do end"),
            Hostile("goto loop", "::top:: goto top"),
            Hostile("repeat", "repeat until false"),
            Hostile("pcall loop", "while true do pcall(function() while true do end end) end"),
            Hostile("swallowed", "pcall(function() while true do end end); return 'ok'"),
            Hostile(
                "xpcall handler",
                "xpcall(function() while true do end end, function() while true do end end); return 'ok'"),
            Hostile("handler of an error", "xpcall(error, function() while true do end end); return 'ok'"),
            Hostile("coroutine", "coroutine.wrap(function() while true do end end)()"),
            Hostile("coroutine in pcall", "while true do pcall(coroutine.wrap(function() while true do end end)) end"),
            Hostile("resume", "while true do coroutine.resume(coroutine.create(function() while true do end end)) end"),
            Hostile(
                "coroutines without end",
                "while true do local co = coroutine.create(function() coroutine.yield() end); coroutine.resume(co) end"),
            Hostile(
                "close handler",
                "do local x <close> = setmetatable({}, {__close = function() while true do end end}); while true do end end"
            ),
            Hostile(
                "close handler of a coroutine",
                """
                local co = coroutine.create(function()
                  local x <close> = setmetatable({}, {__close = function() while true do end end})
                  while true do end
                end)
                coroutine.resume(co); coroutine.close(co); return 'ok'
                """),
            Hostile(
                "close handler after yield",
                """
                local co = coroutine.create(function()
                  local x <close> = setmetatable({}, {__close = function() while true do pcall(error) end end})
                  coroutine.yield()
                end)
                coroutine.resume(co); coroutine.close(co); return 'ok'
                """),
            Hostile(
                "nested pcalls",
                "local function f(n) if n == 0 then while true do end end return pcall(f, n - 1) end f(100); return 'ok'"
            ),
            Hostile(
                "tostring of the error",
                "local e = setmetatable({}, {__tostring = function() while true do end end}); error(e)"),
            Hostile("native callback", "while true do pcall(probe.call, function() while true do end end) end"),
            Hostile("native iterator", "for i in probe.count(1 << 60) do end"),
            Hostile(
                "sort",
                "local t = {} for i = 1, 1e6 do t[i] = i end while true do pcall(table.sort, t, function(a, b) return a < b end) end"
            ),
            Hostile("reverse", "local s = ('x'):rep(2e7) while true do s:reverse() end"),
            Hostile("gsub", "local s = ('x'):rep(1e6) while true do s:gsub('x', function() end) end"),
            Hostile(
                "false length",
                "local t = setmetatable({}, {__len = function() return 1 << 53 end}); table.insert(t, 1, 'x')"),
            Hostile(
                "false length of remove",
                "local t = setmetatable({}, {__len = function() return 1 << 53 end}); table.remove(t, 1)"),
            Hostile(
                "move far up", "table.move(setmetatable({}, {__index = function() return nil end}), 1, 1 << 53, 2)"),
            Hostile("moving nothing", "table.move({}, 1, 1 << 53, 2)"),
            Hostile(
                "metamethods",
                "local t = setmetatable({}, {}); getmetatable(t).__concat = function() return t end; while true do t = t .. t end"
            ),
            Hostile("load reader", "load(function() return ' ' end)"),
            Hostile("load loop", "while true do load('return 1')() end"),
        ]

        @Test(arguments: endless) func timeLimit(_ hostile: Hostile) throws {
            let start = Date()
            let error = failure(hostile.script, LuaOptions(timeLimit: 0.15))
            #expect(error.message.hasSuffix("stopped: time limit of 0.15 s"), "\(error.message)")
            #expect(error.cause as? LuaStop == .timeLimit)
            #expect(Date().timeIntervalSince(start) < 4)
        }

        @Test(
            arguments: endless.filter {
                !["reverse", "false length", "false length of remove", "moving nothing", "load reader"].contains(
                    $0.name)
            })
        func instructionLimit(_ hostile: Hostile) throws {
            let error = failure(hostile.script, LuaOptions(timeLimit: 20, instructionLimit: 200_000))
            #expect(error.cause as? LuaStop == .instructionLimit, "\(error.message)")
        }

        static let greedy: [Hostile] = [
            Hostile("table", "local t = {} while true do t[#t + 1] = {} end"),
            Hostile(
                "table in pcall",
                "while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) end"),
            Hostile("strings", "local s = 'x' while true do s = s .. s end"),
            Hostile(
                "strings in pcall", "pcall(function() local s = 'x' while true do s = s .. s end end); return 'ok'"),
            Hostile("rep in pcall", "pcall(string.rep, 'x', 1 << 30); return 'ok'"),
            Hostile(
                "concat",
                "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end while true do t[1] = table.concat(t) end"),
            Hostile("closures", "local t = {} for i = 1, math.huge do t[i] = function() return i end end"),
            Hostile("coroutines", "local t = {} for i = 1, 1e6 do t[i] = coroutine.create(function() end) end"),
            Hostile(
                "coroutines in pcall",
                "pcall(function() local t = {} for i = 1, 1e6 do t[i] = coroutine.wrap(function() end) end end) return 'ok'"
            ),
            Hostile("interned strings", "local t = {} for i = 1, math.huge do t['k' .. i] = true end"),
            Hostile("objects", "local t = {} for i = 1, math.huge do t[i] = probe.new(i) end"),
            Hostile(
                "in a coroutine",
                "coroutine.resume(coroutine.create(function() local t = {} while true do t[#t + 1] = {} end end)); return 'ok'"
            ),
            Hostile(
                "in a callback",
                "pcall(probe.call, function() local t = {} while true do t[#t + 1] = {} end end); return 'ok'"),
            Hostile(
                "in an error handler",
                "xpcall(error, function() local t = {} while true do t[#t + 1] = {} end end); return 'ok'"),
            Hostile("stack", "local function f(...) return (f(1, ...)) end f()"),
            Hostile("pack", "local t = {} for i = 1, math.huge do t[i] = table.pack(probe.many(1000)) end"),
            Hostile(
                "pairs",
                "local t = {} for i = 1, 3e5 do t['k' .. i] = i end for k in pairs(t) do for k in pairs(t) do t[k .. 'x'] = 1 end end"
            ),
        ]

        @Test(arguments: greedy) func memoryLimit(_ hostile: Hostile) throws {
            let before = Probe.alive
            let error = failure(hostile.script, LuaOptions(memoryLimit: 32 << 20, timeLimit: 30))
            if error.cause as? LuaStop != .memoryLimit {
                #expect(error.message.contains("overflow") || error.message.contains("too many"), "\(error.message)")
            }
            #expect(Probe.alive == before)
        }

        private func check(_ hostile: Hostile, _ options: LuaOptions) {
            let error = failure(hostile.script, options)
            if let expected = hostile.error {
                #expect(error.message.contains(expected) || expected.isEmpty, "\(error.message)")
                #expect(!error.message.hasPrefix("no error"))
                #expect(error.cause == nil || !(error.cause is LuaStop), "\(error.message)")
            } else {
                #expect(error.message.hasPrefix("no error"), "\(error.message)")
            }
        }
    }
}
