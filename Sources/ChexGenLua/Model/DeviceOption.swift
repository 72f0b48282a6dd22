import Devices
import Engine
import LuaRuntime

/// The option `device` of what opens a model, beside `dtype`.
package enum DeviceOption {
    /// Its text for the manual.
    package static func text(_ session: ScriptContext) -> String { "`device`: what it runs on, \(names(session))." }

    /// Its declaration among the options of a function.
    static func parameter(_ session: ScriptContext) -> LuaParameter {
        LuaParameter(
            "device", .string, optional: true,
            "What it runs on: \(names(session)); the processor where absent.")
    }

    private static func names(_ session: ScriptContext) -> String {
        session.devices.names.map { "`\($0)`" }.joined(separator: ", ")
    }
}

extension ScriptContext {
    /// How a network computes: `dtype` and `device` of a table of options; the run's dtype and the processor where they are absent.
    /// - Throws: `LuaError` for another kind of value, and for a dtype or device that is not known.
    package func compute(_ options: LuaTable, _ arguments: LuaArguments) throws -> Compute {
        let dtype = try dtype(options, arguments)
        if options["device"].isNil { return Compute(dtype, on: .standard) }
        guard let name = options["device"].stringValue else {
            throw arguments.fail("options.device", "wanted a string, got \(options["device"].kind)")
        }
        return Compute(dtype, on: try device(name, arguments, "options.device"))
    }

    /// The same of options that were checked.
    func compute(_ options: LuaArguments) throws -> Compute {
        let device = options.has("device") ? try device(options.string("device"), options, "device") : .standard
        return Compute(try dtype(options), on: device)
    }

    private func device(_ name: String, _ arguments: LuaArguments, _ option: String) throws -> Device {
        guard let device = devices[name] else { throw arguments.fail(option, devices.unknown(name).description) }
        return device
    }
}
