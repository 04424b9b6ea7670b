/*
 * SoftHSM behind a vendor's library that does wrong when it is told to: a file in FOLDER, by its name.
 *   wrong            C_Sign says CKR_OK and gives a signature with one bit turned
 *   abort-FUNCTION   the call ends the process (C_GetTokenInfo, C_GenerateKeyPair)
 *   hang-FUNCTION    the call does not return while the file is there
 * FOLDER and MODULE, the real library, are set when it is built. Without SOFTHSM2_CONF the configuration is the
 * one in FOLDER. The table has the 68 functions of PKCS#11 2.40 in their order.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef unsigned long number;
typedef void (*function)(void);

enum { GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, SIGN = 43, GENERATE_KEY_PAIR = 59, FUNCTIONS = 68 };
enum { CKR_OK = 0, CKR_GENERAL_ERROR = 5 };

struct list {
    unsigned char version[2];
    function functions[FUNCTIONS];
};

static struct list *real;
static struct list ours;

static int told(const char *prefix, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", FOLDER, prefix, name);
    return access(path, F_OK) == 0;
}

static void misbehave(const char *name)
{
    if (told("abort-", name))
        abort();
    while (told("hang-", name))
        usleep(20 * 1000);
}

static number get_token_info(number slot, void *info)
{
    misbehave("C_GetTokenInfo");
    return ((number(*)(number, void *))real->functions[GET_TOKEN_INFO])(slot, info);
}

static number sign(number session, unsigned char *data, number length, unsigned char *value, number *size)
{
    number (*call)(number, unsigned char *, number, unsigned char *, number *) =
        (number(*)(number, unsigned char *, number, unsigned char *, number *))real->functions[SIGN];
    number answer = call(session, data, length, value, size);
    if (answer == CKR_OK && value && *size > 0 && told("", "wrong"))
        value[*size - 1] ^= 1;
    return answer;
}

static number generate_key_pair(number session, void *mechanism, void *public, number publics, void *private,
                                number privates, number *public_key, number *private_key)
{
    misbehave("C_GenerateKeyPair");
    return ((number(*)(number, void *, void *, number, void *, number, number *, number *))
                real->functions[GENERATE_KEY_PAIR])(session, mechanism, public, publics, private, privates,
                                                    public_key, private_key);
}

number C_GetFunctionList(struct list **list);

number C_GetFunctionList(struct list **list)
{
    if (!real) {
        setenv("SOFTHSM2_CONF", FOLDER "/softhsm2.conf", 0);
        void *library = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
        number (*get)(struct list **) =
            library ? (number(*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
        if (!get || get(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        ours = *real;
        ours.functions[GET_FUNCTION_LIST] = (function)C_GetFunctionList;
        ours.functions[GET_TOKEN_INFO] = (function)get_token_info;
        ours.functions[SIGN] = (function)sign;
        ours.functions[GENERATE_KEY_PAIR] = (function)generate_key_pair;
    }
    *list = &ours;
    return CKR_OK;
}
