//! One GPU: its context, its stream, its kernels.

use super::buffer::{Buffer, Element, Real};
use super::kernels::{self, Kind};
use crate::error::{Error, Result};
use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{CudaContext, CudaFunction, CudaStream, DevicePtr, DevicePtrMut, DriverError, result};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// The number of threads of every block; `THREADS` of the header.
pub const THREADS: u32 = 256;
/// The oldest driver that is supported: CUDA 12.0.
const OLDEST_DRIVER: i32 = 12_000;

/// A GPU. It executes all operations in order, on one stream; clones are the same device.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    ordinal: usize,
    name: String,
    /// Compute capability.
    compute: (i32, i32),
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    kernels: Mutex<HashMap<(&'static str, &'static str), Arc<Kernels>>>,
    prefilled: bool,
}

/// The kernels of one file, compiled for one type.
struct Kernels(HashMap<String, (CudaFunction, Vec<Kind>)>);

/// The blocks of a launch, of [`THREADS`] threads each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid([usize; 3]);

impl Grid {
    /// The blocks for a loop over `elements` elements with the header's `FOR_EACH`.
    pub fn elements(elements: usize) -> Self {
        /// The largest number of blocks, enough to fill any GPU; each thread then loops over several elements.
        const MOST: usize = 1 << 16;
        Self([elements.div_ceil(THREADS as usize).min(MOST), 1, 1])
    }

    /// The blocks for the columns of a matrix, 32 columns per block, as in `layers/lanes.cuh`.
    pub fn columns(columns: usize) -> Self {
        Self([columns.div_ceil(32), 1, 1])
    }

    /// These numbers of blocks in x, y and z; at most 65,535 in y and z.
    pub fn blocks(blocks: [usize; 3]) -> Self {
        Self(blocks)
    }
}

/// An argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    kind: Kind,
    bits: u64,
    /// The device of a buffer.
    device: Option<*const Inner>,
    borrowed: PhantomData<&'a ()>,
}

impl Argument<'_> {
    /// A number of the working precision.
    pub fn real<F: Real>(value: F) -> Self {
        Self { kind: Kind::Value(F::TYPE), bits: value.in_low_bits(), device: None, borrowed: PhantomData }
    }

    /// A size or an index.
    ///
    /// # Panics
    /// If `value` is 2³² or more.
    pub fn size(value: usize) -> Self {
        Self::word(u32::try_from(value).expect("buffers hold fewer than 2³¹ elements"))
    }

    /// A word of 32 bits.
    pub fn word(value: u32) -> Self {
        Self { kind: Kind::Value("u32"), bits: value.into(), device: None, borrowed: PhantomData }
    }
}

impl<'a, T: Element> From<&'a Buffer<T>> for Argument<'a> {
    fn from(buffer: &'a Buffer<T>) -> Self {
        let device = buffer.device();
        let (pointer, _) = buffer.slice().device_ptr(device.stream());
        Self { kind: Kind::Read(T::TYPE), bits: pointer, device: Some(device.address()), borrowed: PhantomData }
    }
}

impl<'a, T: Element> From<&'a mut Buffer<T>> for Argument<'a> {
    fn from(buffer: &'a mut Buffer<T>) -> Self {
        let device = buffer.device().clone();
        let (pointer, _) = buffer.slice_mut().device_ptr_mut(device.stream());
        Self { kind: Kind::Write(T::TYPE), bits: pointer, device: Some(device.address()), borrowed: PhantomData }
    }
}

impl Device {
    /// Opens GPU number `ordinal`, from 0.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no driver, the driver is too old, there is no such GPU or no NVRTC, or another
    /// process has the GPU to itself.
    pub fn open(ordinal: usize) -> Result<Self> {
        Self::open_with(ordinal, false)
    }

    /// Like [`Device::open`]; if `prefilled`, memory that an operation will overwrite is first filled with NaN, for
    /// tests.
    ///
    /// # Errors
    /// The errors of [`Device::open`].
    pub fn open_with(ordinal: usize, prefilled: bool) -> Result<Self> {
        let called = format!("cuda:{ordinal}");
        // The bindings panic if a library is missing, so this is checked first.
        // SAFETY: opening these libraries runs their initialization, which has no preconditions.
        let present = unsafe { [sys::is_culib_present(), cudarc::nvrtc::sys::is_culib_present()] };
        for (present, library) in present
            .into_iter()
            .zip(["an NVIDIA GPU and its driver (libcuda)", "CUDA's runtime compiler (libnvrtc, of CUDA 12 or 13)"])
        {
            if !present {
                return Err(Error::device(called, library, "none where the system looks for shared libraries"));
            }
        }
        let driver = driver_version().map_err(|error| Error::device(&*called, "an NVIDIA driver", cause(error)))?;
        if driver < OLDEST_DRIVER {
            return Err(Error::device(called, "an NVIDIA driver for CUDA 12.0 or newer", version(driver)));
        }
        let count = match CudaContext::device_count() {
            Ok(0) | Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => {
                return Err(Error::device(called, "an NVIDIA GPU", "none"));
            }
            Ok(count) => count as usize,
            Err(error) => return Err(Error::device(called, "a working NVIDIA driver", cause(error))),
        };
        if ordinal >= count {
            return Err(Error::device(called, format!("a GPU from 0 to {}", count - 1), ordinal));
        }
        let opening_failed = |error: DriverError| {
            let expected = match error.0 {
                CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE => "a GPU that no other process holds",
                CUresult::CUDA_ERROR_OUT_OF_MEMORY => "a GPU with memory left for a context",
                _ => "a working GPU",
            };
            Error::device(&*called, expected, cause(error))
        };
        let context = CudaContext::new(ordinal).map_err(opening_failed)?;
        // SAFETY: all buffers of a launch belong to one `Device`, which has one stream (`launch` checks this), so that
        // no order between streams needs to be kept.
        unsafe { context.disable_event_tracking() };
        let name = context.name().map_err(opening_failed)?;
        let compute = context.compute_capability().map_err(opening_failed)?;
        keep_freed_memory(&context).map_err(opening_failed)?;
        let stream = context.new_stream().map_err(opening_failed)?;
        Ok(Self(Arc::new(Inner { ordinal, name, compute, context, stream, kernels: Mutex::default(), prefilled })))
    }

    /// The name that the manufacturer gives the GPU.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The compute capability of the GPU.
    pub fn compute_capability(&self) -> (i32, i32) {
        self.0.compute
    }

    /// Waits until the device has completed all operations.
    ///
    /// # Errors
    /// [`Error::Device`] if an operation failed since the last wait.
    pub fn synchronize(&self) -> Result<()> {
        self.check("work", self.0.stream.synchronize())
    }

    /// Launches kernel `name` of the file `path`, relative to `src/cuda` and without its extension, compiled for `F`.
    /// An empty grid launches nothing.
    ///
    /// # Errors
    /// [`Error::Device`] if the kernel cannot be compiled or launched.
    ///
    /// # Panics
    /// If there is no such kernel, the arguments do not have the types of its parameters, or a buffer is another
    /// device's.
    pub(super) fn launch<F: Real>(
        &self,
        path: &'static str,
        name: &str,
        grid: Grid,
        arguments: &[Argument<'_>],
    ) -> Result<()> {
        let kernels = self.kernels::<F>(path)?;
        let (function, parameters) = kernels.0.get(name).unwrap_or_else(|| panic!("{path} has no kernel {name}"));
        let kinds: Vec<Kind> = arguments.iter().map(|argument| argument.kind).collect();
        let fit = kinds.len() == parameters.len() && kinds.iter().zip(parameters).all(|(kind, of)| of.takes(*kind));
        assert!(fit, "{path} {name}: expected arguments {parameters:?} (saw: {kinds:?})");
        let is_own = |argument: &Argument<'_>| argument.device.is_none_or(|device| device == self.address());
        assert!(arguments.iter().all(is_own), "{path} {name}: expected buffers of {self}");
        if grid.0.contains(&0) {
            return Ok(());
        }
        let [x, y, z] = grid.0.map(|blocks| u32::try_from(blocks).expect("a grid that a kernel can have"));
        let mut bits: Vec<u64> = arguments.iter().map(|argument| argument.bits).collect();
        // A parameter shorter than 64 bits is read from the low bytes, which are first in memory.
        const { assert!(cfg!(target_endian = "little")) };
        let mut pointers: Vec<_> = bits.iter_mut().map(|bits| std::ptr::from_mut(bits).cast()).collect();
        self.check("context", self.0.context.bind_to_thread())?;
        // SAFETY: number, types and mutability of the arguments are those of the parameters; a buffer that is freed
        // later is freed in the order of the same stream. The callers, all in `cuda`, pass the sizes of the buffers,
        // within which each kernel stays.
        let launched = unsafe {
            result::launch_kernel(
                function.cu_function(),
                (x, y, z),
                (THREADS, 1, 1),
                0,
                self.0.stream.cu_stream(),
                &mut pointers,
            )
        };
        self.check(&format!("kernel {path} {name}"), launched)
    }

    /// An address that all clones of this device share, and no other device has.
    fn address(&self) -> *const Inner {
        Arc::as_ptr(&self.0)
    }

    /// The stream.
    pub(super) fn stream(&self) -> &Arc<CudaStream> {
        &self.0.stream
    }

    /// Whether memory is filled with NaN before it is overwritten.
    pub(super) fn is_prefilled(&self) -> bool {
        self.0.prefilled
    }

    /// The driver's result of the operation `what`, as this crate's result.
    pub(super) fn check<T>(&self, what: &str, outcome: std::result::Result<T, DriverError>) -> Result<T> {
        outcome.map_err(|error| Error::device(self.to_string(), format!("{what} without an error"), cause(error)))
    }

    /// Like [`Device::check`], for an allocation of `bytes` bytes.
    pub(super) fn check_memory<T>(&self, bytes: usize, outcome: std::result::Result<T, DriverError>) -> Result<T> {
        outcome.map_err(|error| {
            if error.0 != CUresult::CUDA_ERROR_OUT_OF_MEMORY {
                return Error::device(self.to_string(), "memory", cause(error));
            }
            let mib = |bytes: usize| bytes.div_ceil(1 << 20);
            let seen = match self.0.context.mem_get_info() {
                Ok((free, total)) => format!("{} of {} MiB free", mib(free), mib(total)),
                Err(_) => "out of memory".to_string(),
            };
            Error::device(self.to_string(), format!("{} MiB more memory", mib(bytes)), seen)
        })
    }

    fn kernels<F: Real>(&self, path: &'static str) -> Result<Arc<Kernels>> {
        // A thread that panicked while it held the lock did not change the map.
        let mut all = self.0.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernels) = all.get(&(path, F::TYPE)) {
            return Ok(kernels.clone());
        }
        let image = kernels::compile(path, F::TYPE, self.0.compute)
            .map_err(|(expected, seen)| Error::device(self.to_string(), expected, seen))?;
        let module = self.0.context.load_module(image).map_err(|error| {
            let expected = match error.0 {
                CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => {
                    format!("a driver as new as NVRTC {}", kernels::compiler_version())
                }
                _ => format!("kernels {path} without an error"),
            };
            let seen = driver_version().map_or_else(cause, |driver| format!("{}, {}", version(driver), cause(error)));
            Error::device(self.to_string(), expected, seen)
        })?;
        let mut functions = HashMap::new();
        for (name, parameters) in kernels::signatures(path, F::TYPE) {
            let function = self.check(&format!("kernel {path} {name}"), module.load_function(&name))?;
            functions.insert(name, (function, parameters));
        }
        let kernels = Arc::new(Kernels(functions));
        all.insert((path, F::TYPE), kernels.clone());
        Ok(kernels)
    }
}

/// The device as `--device` names it.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cuda:{}", self.0.ordinal)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({}, compute capability {}.{})", self.0.name, self.0.compute.0, self.0.compute.1)
    }
}

/// The driver's name of an error. Formatting the error itself would call the driver.
fn cause(error: DriverError) -> String {
    format!("{:?}", error.0)
}

/// 1000 · major + 10 · minor of the newest CUDA version that the driver supports.
fn driver_version() -> std::result::Result<i32, DriverError> {
    let mut version = 0;
    // SAFETY: the pointer is valid for the call, which may come before initialization.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result()?;
    Ok(version)
}

fn version(driver: i32) -> String {
    format!("a driver for CUDA {}.{}", driver / 1000, driver % 1000 / 10)
}

/// Makes the driver keep the memory that a step frees for the next step, and not return it at each wait.
fn keep_freed_memory(context: &CudaContext) -> std::result::Result<(), DriverError> {
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut all = u64::MAX;
    // SAFETY: the device is open, and the attribute is a number of 64 bits.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device())?;
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        sys::cuMemPoolSetAttribute(pool, attribute, std::ptr::from_mut(&mut all).cast()).result()
    }
}
