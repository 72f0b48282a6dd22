-- Devices, folders and process files are no input.
-- expect: 0 refused
local tensor, image, dataset, metric = require "chexgen.tensor", require "chexgen.image", require "chexgen.dataset",
  require "chexgen.metric"
for _, path in ipairs { "/dev/zero", "/dev/urandom", "/proc/self/mem", "/proc", "", "\0", "/nothing/there.npy", ("x"):rep(5000) } do
  for _, ending in ipairs { "", ".npy", ".npz", ".safetensors", ".pth", ".png", ".csv" } do
    assert(not pcall(tensor.load, path .. ending))
    assert(not pcall(image.load, path .. ending))
    assert(not pcall(dataset.csv, { path = path .. ending }))
    assert(not pcall(metric.load_moments, path .. ending))
  end
end
print("refused")
