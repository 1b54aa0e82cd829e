/* libxlutil (4.17 to 4.20) forgets the parts of a list that it has read when
 * it then finds a mistake: some bytes for each time that a broken file is
 * read. What it allocates while it reads is not searched for leaks. Its handle
 * is: one that we do not give back is found. A suppression would name its
 * function, and needs a symbolizer, which is not on every machine. */
#include <libxlutil.h>
#include <sanitizer/lsan_interface.h>

int __real_xlu_cfg_readdata(XLU_Config *cfg, const char *data, int length);
int __wrap_xlu_cfg_readdata(XLU_Config *cfg, const char *data, int length);

int __wrap_xlu_cfg_readdata(XLU_Config *cfg, const char *data, int length)
{
    int r_cfg;

    __lsan_disable();
    r_cfg = __real_xlu_cfg_readdata(cfg, data, length);
    __lsan_enable();
    return r_cfg;
}
